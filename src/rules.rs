//! Every rule. Written by `cargo test` from the files in `src/rules/`; do not edit.
#![allow(missing_docs, reason = "a rule file is documented by the fields of its rule")]

use crate::rule::Rule;

/// Can the mistake be seen before the build?
pub mod dockerfile {
    pub mod arg_not_in_stage;
    pub mod bin_not_in_metadata;
    pub mod cache_id_collision;
    pub mod cache_path_outside_mount;
    pub mod cook_flags_differ;
    pub mod cook_hidden_by_cache_mount;
    pub mod copy_path_mismatch;
    pub mod copy_source_missing;
    pub mod dummy_build_without_touch;
    pub mod end_of_life_base;
    pub mod env_file_copied;
    pub mod exec_form_with_space;
    pub mod exec_form_with_variable;
    pub mod floating_base;
    pub mod glibc_on_musl_base;
    pub mod healthcheck_broken;
    pub mod host_target_copied;
    pub mod ignored_inputs;
    pub mod ineffective_clean;
    pub mod manifest_not_restored_after_cook;
    pub mod masked_build_failure;
    pub mod member_manifest_missing;
    pub mod missing_locked;
    pub mod no_dependency_layer;
    pub mod partial_touch;
    pub mod secret_in_arg;
    pub mod shared_target_cache;
    pub mod shell_form_without_shell;
    pub mod shell_swallows_command;
    pub mod sources_before_cook;
    pub mod stage_arguments_lost;
    pub mod stage_debug_build;
    pub mod stage_signals_lost;
    pub mod stage_skew;
    pub mod stage_volume_not_writable;
    pub mod stage_without_certificates;
    pub mod stage_without_command;
    pub mod stage_without_library;
    pub mod strip_by_hand;
    pub mod target_not_ignored;
    pub mod target_not_installed;
    pub mod toolchain_in_runtime;
    pub mod unknown_command;
    pub mod unnamed_cpu;
    pub mod wrong_platform_stage;
}

/// Is this the code that was written?
pub mod freshness {
    pub mod cargo_chef_stub;
    pub mod feature_mismatch;
    pub mod foreign_artifact;
    pub mod not_reproduced;
    pub mod placeholder_main;
    pub mod rustflags_ignored;
    pub mod stale_by_mtime;
    pub mod stale_dependency;
    pub mod stale_sources;
    pub mod stale_toolchain;
    pub mod stale_workspace_member;
    pub mod wrong_artifact_path;
}

/// Is it hardened as a Rust program can be?
pub mod hardening {
    pub mod executable_stack;
    pub mod insecure_runpath;
    pub mod missing_fortify;
    pub mod missing_pie;
    pub mod missing_stack_canary;
    pub mod relro_not_full;
    pub mod writable_executable_segment;
}

/// Will it run in this image?
pub mod image {
    pub mod binary_differs;
    pub mod broken_script;
    pub mod distro_mismatch;
    pub mod healthcheck_tool_missing;
    pub mod ignores_sigterm;
    pub mod layer_engine_dependent;
    pub mod loopback_listener;
    pub mod missing_assets;
    pub mod missing_ca_certificates;
    pub mod missing_command;
    pub mod missing_shell;
    pub mod missing_tmp;
    pub mod missing_tzdata;
    pub mod missing_user;
    pub mod no_command;
    pub mod not_executable;
    pub mod openssldir_missing;
    pub mod privileged_port;
    pub mod root_user;
    pub mod seccomp_sensitive;
    pub mod silent_logging;
    pub mod unlinted_binary;
    pub mod unreadable_by_user;
    pub mod volume_over_binary;
}

/// Does it carry what should stay home?
pub mod leak {
    pub mod embedded_build_env;
    pub mod embedded_home_path;
    pub mod embedded_manifest_dir;
    pub mod embedded_secret;
}

/// Will the loader start it?
pub mod linkage {
    pub mod build_tree_runpath;
    pub mod dlopen_in_static;
    pub mod dynamic_openssl_on_musl;
    pub mod dynamic_std;
    pub mod foreign_interpreter;
    pub mod glibc_above_maximum;
    pub mod glibc_too_new;
    pub mod library_not_allowed;
    pub mod missing_interpreter;
    pub mod missing_library;
    pub mod mixed_libc;
    pub mod preload_missing;
    pub mod runpath_outside_image;
    pub mod static_glibc_nss;
    pub mod symbol_version_missing;
    pub mod text_relocations;
    pub mod undefined_symbol;
    pub mod unexpected_libc;
    pub mod weak_only_version;
    pub mod wrong_class_library;
}

/// Was it built as it was meant?
pub mod profile {
    pub mod catch_unwind_under_abort;
    pub mod debug_assertions;
    pub mod debug_build;
    pub mod debug_info_shipped;
    pub mod lto_mismatch;
    pub mod musl_allocator;
    pub mod no_backtrace_names;
    pub mod opt_level_mismatch;
    pub mod overflow_checks_mismatch;
    pub mod panic_strategy_mismatch;
    pub mod strip_mismatch;
    pub mod unexpected_allocator;
}

/// Can its origin be proved?
pub mod provenance {
    pub mod bad_signature;
    pub mod base_image_mismatch;
    pub mod digest_mismatch;
    pub mod dirty_worktree;
    pub mod inconsistent_record;
    pub mod lockfile_mismatch;
    pub mod missing_audit_data;
    pub mod missing_build_id;
    pub mod missing_record;
    pub mod parameter_mismatch;
    pub mod placeholder_version;
    pub mod source_mismatch;
    pub mod stripped_after_build;
    pub mod toolchain_mismatch;
    pub mod unknown_builder;
    pub mod unproven_sources;
    pub mod unsigned_record;
}

/// Is it for this machine?
pub mod target {
    pub mod cpu_level_too_high;
    pub mod kernel_too_new;
    pub mod lse_atomics;
    pub mod page_size_baked;
    pub mod segment_alignment;
    pub mod triple_mismatch;
    pub mod upx_packed;
    pub mod wrong_architecture;
    pub mod wrong_platform_in_index;
}

/// Every rule, by group and name.
#[rustfmt::skip]
pub static ALL: &[&Rule] = &[
    &dockerfile::arg_not_in_stage::RULE,
    &dockerfile::bin_not_in_metadata::RULE,
    &dockerfile::cache_id_collision::RULE,
    &dockerfile::cache_path_outside_mount::RULE,
    &dockerfile::cook_flags_differ::RULE,
    &dockerfile::cook_hidden_by_cache_mount::RULE,
    &dockerfile::copy_path_mismatch::RULE,
    &dockerfile::copy_source_missing::RULE,
    &dockerfile::dummy_build_without_touch::RULE,
    &dockerfile::end_of_life_base::RULE,
    &dockerfile::env_file_copied::RULE,
    &dockerfile::exec_form_with_space::RULE,
    &dockerfile::exec_form_with_variable::RULE,
    &dockerfile::floating_base::RULE,
    &dockerfile::glibc_on_musl_base::RULE,
    &dockerfile::healthcheck_broken::RULE,
    &dockerfile::host_target_copied::RULE,
    &dockerfile::ignored_inputs::RULE,
    &dockerfile::ineffective_clean::RULE,
    &dockerfile::manifest_not_restored_after_cook::RULE,
    &dockerfile::masked_build_failure::RULE,
    &dockerfile::member_manifest_missing::RULE,
    &dockerfile::missing_locked::RULE,
    &dockerfile::no_dependency_layer::RULE,
    &dockerfile::partial_touch::RULE,
    &dockerfile::secret_in_arg::RULE,
    &dockerfile::shared_target_cache::RULE,
    &dockerfile::shell_form_without_shell::RULE,
    &dockerfile::shell_swallows_command::RULE,
    &dockerfile::sources_before_cook::RULE,
    &dockerfile::stage_arguments_lost::RULE,
    &dockerfile::stage_debug_build::RULE,
    &dockerfile::stage_signals_lost::RULE,
    &dockerfile::stage_skew::RULE,
    &dockerfile::stage_volume_not_writable::RULE,
    &dockerfile::stage_without_certificates::RULE,
    &dockerfile::stage_without_command::RULE,
    &dockerfile::stage_without_library::RULE,
    &dockerfile::strip_by_hand::RULE,
    &dockerfile::target_not_ignored::RULE,
    &dockerfile::target_not_installed::RULE,
    &dockerfile::toolchain_in_runtime::RULE,
    &dockerfile::unknown_command::RULE,
    &dockerfile::unnamed_cpu::RULE,
    &dockerfile::wrong_platform_stage::RULE,
    &freshness::cargo_chef_stub::RULE,
    &freshness::feature_mismatch::RULE,
    &freshness::foreign_artifact::RULE,
    &freshness::not_reproduced::RULE,
    &freshness::placeholder_main::RULE,
    &freshness::rustflags_ignored::RULE,
    &freshness::stale_by_mtime::RULE,
    &freshness::stale_dependency::RULE,
    &freshness::stale_sources::RULE,
    &freshness::stale_toolchain::RULE,
    &freshness::stale_workspace_member::RULE,
    &freshness::wrong_artifact_path::RULE,
    &hardening::executable_stack::RULE,
    &hardening::insecure_runpath::RULE,
    &hardening::missing_fortify::RULE,
    &hardening::missing_pie::RULE,
    &hardening::missing_stack_canary::RULE,
    &hardening::relro_not_full::RULE,
    &hardening::writable_executable_segment::RULE,
    &image::binary_differs::RULE,
    &image::broken_script::RULE,
    &image::distro_mismatch::RULE,
    &image::healthcheck_tool_missing::RULE,
    &image::ignores_sigterm::RULE,
    &image::layer_engine_dependent::RULE,
    &image::loopback_listener::RULE,
    &image::missing_assets::RULE,
    &image::missing_ca_certificates::RULE,
    &image::missing_command::RULE,
    &image::missing_shell::RULE,
    &image::missing_tmp::RULE,
    &image::missing_tzdata::RULE,
    &image::missing_user::RULE,
    &image::no_command::RULE,
    &image::not_executable::RULE,
    &image::openssldir_missing::RULE,
    &image::privileged_port::RULE,
    &image::root_user::RULE,
    &image::seccomp_sensitive::RULE,
    &image::silent_logging::RULE,
    &image::unlinted_binary::RULE,
    &image::unreadable_by_user::RULE,
    &image::volume_over_binary::RULE,
    &leak::embedded_build_env::RULE,
    &leak::embedded_home_path::RULE,
    &leak::embedded_manifest_dir::RULE,
    &leak::embedded_secret::RULE,
    &linkage::build_tree_runpath::RULE,
    &linkage::dlopen_in_static::RULE,
    &linkage::dynamic_openssl_on_musl::RULE,
    &linkage::dynamic_std::RULE,
    &linkage::foreign_interpreter::RULE,
    &linkage::glibc_above_maximum::RULE,
    &linkage::glibc_too_new::RULE,
    &linkage::library_not_allowed::RULE,
    &linkage::missing_interpreter::RULE,
    &linkage::missing_library::RULE,
    &linkage::mixed_libc::RULE,
    &linkage::preload_missing::RULE,
    &linkage::runpath_outside_image::RULE,
    &linkage::static_glibc_nss::RULE,
    &linkage::symbol_version_missing::RULE,
    &linkage::text_relocations::RULE,
    &linkage::undefined_symbol::RULE,
    &linkage::unexpected_libc::RULE,
    &linkage::weak_only_version::RULE,
    &linkage::wrong_class_library::RULE,
    &profile::catch_unwind_under_abort::RULE,
    &profile::debug_assertions::RULE,
    &profile::debug_build::RULE,
    &profile::debug_info_shipped::RULE,
    &profile::lto_mismatch::RULE,
    &profile::musl_allocator::RULE,
    &profile::no_backtrace_names::RULE,
    &profile::opt_level_mismatch::RULE,
    &profile::overflow_checks_mismatch::RULE,
    &profile::panic_strategy_mismatch::RULE,
    &profile::strip_mismatch::RULE,
    &profile::unexpected_allocator::RULE,
    &provenance::bad_signature::RULE,
    &provenance::base_image_mismatch::RULE,
    &provenance::digest_mismatch::RULE,
    &provenance::dirty_worktree::RULE,
    &provenance::inconsistent_record::RULE,
    &provenance::lockfile_mismatch::RULE,
    &provenance::missing_audit_data::RULE,
    &provenance::missing_build_id::RULE,
    &provenance::missing_record::RULE,
    &provenance::parameter_mismatch::RULE,
    &provenance::placeholder_version::RULE,
    &provenance::source_mismatch::RULE,
    &provenance::stripped_after_build::RULE,
    &provenance::toolchain_mismatch::RULE,
    &provenance::unknown_builder::RULE,
    &provenance::unproven_sources::RULE,
    &provenance::unsigned_record::RULE,
    &target::cpu_level_too_high::RULE,
    &target::kernel_too_new::RULE,
    &target::lse_atomics::RULE,
    &target::page_size_baked::RULE,
    &target::segment_alignment::RULE,
    &target::triple_mismatch::RULE,
    &target::upx_packed::RULE,
    &target::wrong_architecture::RULE,
    &target::wrong_platform_in_index::RULE,
];
