//! Rules about changed, deleted and hidden files (`FS`): a file each, listed here.

mod account_file_changed;
mod authorized_keys;
pub(super) mod common;
mod cron_or_timer;
mod deleted_open_file;
mod device_node_created;
mod hidden_place;
mod history_shows_escape;
mod history_tampered;
mod hook_library;
mod hosts_or_resolver_changed;
mod immutable_or_xattr;
mod interpreter_module;
mod ld_so_preload;
mod log_deleted_or_truncated;
mod more_persistence;
mod new_elf;
mod other_file_than_image;
mod package_manager_used;
mod packed_program;
mod pam_or_nss;
mod python_or_node_hook;
mod ransom_signs;
mod replaced_binary;
mod running_script;
mod same_build_elsewhere;
mod service_or_rc;
mod serviceaccount_or_kubeconfig_copied;
pub(super) mod setid_file;
mod setting_that_runs;
mod shell_startup;
mod shm_payload;
mod staged_archive;
mod timestomp;
mod trust_store_changed;
mod web_root_executable_upload;
mod web_shell;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &ld_so_preload::RULE,
    &account_file_changed::RULE,
    &authorized_keys::RULE,
    &cron_or_timer::RULE,
    &service_or_rc::RULE,
    &shell_startup::RULE,
    &pam_or_nss::RULE,
    &new_elf::RULE,
    &replaced_binary::RULE,
    &setid_file::RULE,
    &web_shell::RULE,
    &web_root_executable_upload::RULE,
    &history_tampered::RULE,
    &log_deleted_or_truncated::RULE,
    &hidden_place::RULE,
    &timestomp::RULE,
    &package_manager_used::RULE,
    &deleted_open_file::RULE,
    &shm_payload::RULE,
    &staged_archive::RULE,
    &python_or_node_hook::RULE,
    &trust_store_changed::RULE,
    &hosts_or_resolver_changed::RULE,
    &immutable_or_xattr::RULE,
    &device_node_created::RULE,
    &serviceaccount_or_kubeconfig_copied::RULE,
    &ransom_signs::RULE,
    &more_persistence::RULE,
    &same_build_elsewhere::RULE,
    &packed_program::RULE,
    &hook_library::RULE,
    &other_file_than_image::RULE,
    &setting_that_runs::RULE,
    &history_shows_escape::RULE,
    &interpreter_module::RULE,
];
