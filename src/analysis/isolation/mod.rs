//! Rules about how the container is confined (`CTR`): a file each, listed here.

mod bind_over_proc_pid;
mod cgroup_rw;
mod dangerous_capability;
mod escape_file_touched;
mod hook_or_annotation_exec;
mod host_device;
mod host_namespace;
mod image_latest_or_unpinned;
mod new_privileges_allowed;
mod no_mac_profile;
mod no_seccomp;
mod no_user_namespace;
mod privileged;
mod proc_sys_writable;
mod propagation_shared;
mod rootfs_writable_and_changed;
mod runtime_socket_mounted;
mod sensitive_host_mount;
mod sensitive_sysctl;
mod spec_vs_reality;
pub(super) mod specification;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &privileged::RULE,
    &host_namespace::RULE,
    &sensitive_host_mount::RULE,
    &runtime_socket_mounted::RULE,
    &dangerous_capability::RULE,
    &no_seccomp::RULE,
    &no_mac_profile::RULE,
    &proc_sys_writable::RULE,
    &escape_file_touched::RULE,
    &host_device::RULE,
    &cgroup_rw::RULE,
    &no_user_namespace::RULE,
    &new_privileges_allowed::RULE,
    &rootfs_writable_and_changed::RULE,
    &propagation_shared::RULE,
    &spec_vs_reality::RULE,
    &hook_or_annotation_exec::RULE,
    &image_latest_or_unpinned::RULE,
    &bind_over_proc_pid::RULE,
    &sensitive_sysctl::RULE,
];
