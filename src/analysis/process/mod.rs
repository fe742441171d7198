//! Rules about processes, their identity and ancestry (`PROC`): a file each, listed here.

mod bind_shell;
mod capabilities_beyond_spec;
mod common;
mod confinement_weaker_than_init;
mod credential_reader;
mod deleted_executable;
mod download_and_run;
mod encoded_command;
mod escape_tool;
mod exe_in_odd_place;
mod exe_in_writable_place;
mod exec_session_seen_in_log;
mod exploit_environment;
mod hup_and_term_ignored;
mod interactive_shell;
mod interpreter_from_stdin_or_memory;
mod kernel_thread_lookalike;
mod login_server_options;
mod miner_command_line;
mod name_masquerade;
mod namespace_change;
mod odd_cwd;
mod offensive_tool;
mod orphaned_session;
mod outside_root_or_cwd;
pub(super) mod plain_client;
mod process_limits_or_priority_odd;
mod pty_relay;
mod remote_login_environment;
mod reverse_shell;
mod run_through_loader;
mod script_among_changes;
mod service_spawned_shell;
mod setid_elevation;
mod shell_connection;
mod shell_history;
mod shell_of_service_user;
mod text;
mod uid_change_against_parent;
mod unexpected_child_of_init;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &name_masquerade::RULE,
    &kernel_thread_lookalike::RULE,
    &deleted_executable::RULE,
    &exe_in_writable_place::RULE,
    &reverse_shell::RULE,
    &bind_shell::RULE,
    &service_spawned_shell::RULE,
    &interactive_shell::RULE,
    &exec_session_seen_in_log::RULE,
    &orphaned_session::RULE,
    &hup_and_term_ignored::RULE,
    &setid_elevation::RULE,
    &uid_change_against_parent::RULE,
    &capabilities_beyond_spec::RULE,
    &confinement_weaker_than_init::RULE,
    &namespace_change::RULE,
    &miner_command_line::RULE,
    &offensive_tool::RULE,
    &download_and_run::RULE,
    &encoded_command::RULE,
    &interpreter_from_stdin_or_memory::RULE,
    &unexpected_child_of_init::RULE,
    &pty_relay::RULE,
    &credential_reader::RULE,
    &process_limits_or_priority_odd::RULE,
    &shell_history::RULE,
    &remote_login_environment::RULE,
    &exploit_environment::RULE,
    &escape_tool::RULE,
    &outside_root_or_cwd::RULE,
    &odd_cwd::RULE,
    &exe_in_odd_place::RULE,
    &shell_of_service_user::RULE,
    &script_among_changes::RULE,
    &login_server_options::RULE,
    &run_through_loader::RULE,
];
