//! Table `apparmor`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "apparmor", key(namespace, name), brief(namespace, name, size),
    event(Event::state(&["configuration"], "apparmor-policy"));
    /// Policies loaded in the container's own AppArmor namespaces, in the order of the image. The profile of each
    /// process is in `processes.lsm_profile`.
    pub struct AppArmorPolicy {
        /// Names of the namespaces, outermost first, joined by `//`.
        pub namespace: BString,
        /// Name of the policy.
        pub name: BString,
        /// Size of the compiled policy in bytes.
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
