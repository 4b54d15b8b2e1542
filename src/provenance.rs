//! Provenance records: in-toto statements, SLSA, DSSE, Sigstore, BuildKit; create, compare, embed.

pub mod attestation;
pub mod build_facts;
pub mod buildkit;
pub mod compare;
pub mod consistency;
pub mod create;
pub mod dockerfile;
pub mod dsse;
pub mod embedded_record;
pub mod error;
pub mod fs;
pub mod image_build;
pub mod key_file;
pub mod keys;
pub mod record;
pub mod reference_claims;
pub mod reproduced;
pub mod sigstore;
pub mod slsa;
pub mod source_proof;
pub mod statement;
pub mod strict_json;
pub mod subject_match;
