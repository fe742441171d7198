//! Rules about changed, deleted and hidden files (`FS`): a file each, listed here.

mod account_file_changed;
mod authorized_keys;
mod common;
mod cron_or_timer;
mod deleted_open_file;
mod hidden_place;
mod history_tampered;
mod ld_so_preload;
mod log_deleted_or_truncated;
mod new_elf;
mod package_manager_used;
mod pam_or_nss;
mod replaced_binary;
mod service_or_rc;
mod setid_file;
mod shell_startup;
mod shm_payload;
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
    &history_tampered::RULE,
    &log_deleted_or_truncated::RULE,
    &hidden_place::RULE,
    &package_manager_used::RULE,
    &deleted_open_file::RULE,
    &shm_payload::RULE,
];
