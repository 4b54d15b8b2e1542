//! Images as the tools that people use really write them, and the trees that engines really make
//! of them.

#[path = "support/cache.rs"]
mod cache;
#[path = "support/debian.rs"]
mod debian;
#[path = "support/layers.rs"]
mod layers;
#[path = "support/newer_engine.rs"]
mod newer_engine;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/squash_corpus.rs"]
mod squash_corpus;

#[path = "support/trees.rs"]
mod trees;

#[path = "image_tools/engines.rs"]
mod engines;
#[path = "image_tools/forms.rs"]
mod forms;
