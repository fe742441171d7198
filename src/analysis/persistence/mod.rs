//! Rules about means to come back (`PERS`): a file each, listed here.

mod inotify_on_security_files;
mod self_restart_pair;
mod timer_beacon;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&self_restart_pair::RULE, &timer_beacon::RULE, &inotify_on_security_files::RULE];
