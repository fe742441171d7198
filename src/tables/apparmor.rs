//! Table `apparmor`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "apparmor", key(namespace, name), brief(namespace, name, size),
    event(Event::state(&["configuration"], "apparmor-policy"));
    /// Policies that were loaded in the container's own `AppArmor` namespaces, in the order of the image. Which profile a
    /// process has is in `processes.lsm_profile`.
    pub struct AppArmorPolicy {
        /// Names of the namespaces from the outermost, joined by `//`.
        pub namespace: BString,
        /// Name of the policy.
        pub name: BString,
        /// Bytes of the compiled policy.
        pub size: u64,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = AppArmorPolicy> + '_ {
    checkpoint.apparmor_policies().iter().map(|policy| AppArmorPolicy {
        namespace: policy.namespace.clone(),
        name: policy.name.clone(),
        size: u64_of(policy.blob.len()),
    })
}
