//! TODO rules::image

