//! What is meant: levels, expectations and waivers, resolved from all their sources.
