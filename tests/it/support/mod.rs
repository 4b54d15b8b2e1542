//! What several tests share.

pub mod bases;
pub mod cache;
pub mod cargo;
pub mod corpus;
pub mod debian;
pub mod digest;
pub mod docker;
pub mod facts;
pub mod layers;
pub mod newer_engine;
pub mod noise;
pub mod place;
pub mod program;
pub mod rebuilding;
pub mod recorded;
pub mod run;
pub mod schema;
pub mod slow;
pub mod squash_corpus;
pub mod tools;
pub mod trees;
