//! Runs every rule over the facts under the levels: the one place where the three meet.
