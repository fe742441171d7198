//! Table `capabilities`.

use std::borrow::Cow;

use super::table::table;
use super::value::Mask;
use crate::Checkpoint;
use crate::abi::capability;
use crate::model::credentials::Credentials;
use crate::model::declared::CAPABILITY_SETS;
use crate::model::ids::Pid;

table! {
    "capabilities", key(pid, capability_set), brief(pid, capability_set, mask, added, missing, names);
    /// Capabilities by name: first the sets that the specification declares, then the sets of each process, in tree
    /// order.
    pub struct CapabilitySet {
        /// Process id. Null for a set that the specification declares.
        pub pid: Option<Pid>,
        /// `inheritable`, `permitted`, `effective`, `bounding` or `ambient`.
        pub capability_set: &'static str,
        /// The set as a mask. Null if not recorded.
        pub mask: Option<Mask>,
        /// Names of the capabilities in the set.
        pub names: Option<Vec<Cow<'static, str>>>,
        /// Capabilities that are in the set but not declared by the specification. Null if either of the two is
        /// unknown. A program may drop capabilities, but cannot gain any that the bounding set does not have.
        pub added: Option<Vec<Cow<'static, str>>>,
        /// Capabilities that the specification declares but that are not in the set. Null if either of the two is
        /// unknown.
        pub missing: Option<Vec<Cow<'static, str>>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = CapabilitySet> + '_ {
    let spec = checkpoint.declared().spec.as_ref();
    let declared = move |set: &str| spec.and_then(|spec| spec.capabilities(set));
    let of_spec = CAPABILITY_SETS.into_iter().filter(move |set| declared(set).is_some()).map(move |set| {
        let mask = declared(set);
        CapabilitySet {
            pid: None,
            capability_set: set,
            mask: mask.map(Mask),
            names: mask.map(capability::names),
            added: None,
            missing: None,
        }
    });
    let processes = checkpoint.model().processes().iter();
    let actual =
        processes.filter_map(|process| Some((process.pid(), process.credentials()?))).flat_map(move |(pid, own)| {
            CAPABILITY_SETS.into_iter().map(move |set| {
                let mask = mask_of(&own, set);
                let both = mask.zip(declared(set));
                CapabilitySet {
                    pid: Some(pid),
                    capability_set: set,
                    mask: mask.map(Mask),
                    names: mask.map(capability::names),
                    added: both.map(|(actual, declared)| capability::names(actual & !declared)),
                    missing: both.map(|(actual, declared)| capability::names(declared & !actual)),
                }
            })
        });
    of_spec.chain(actual)
}

/// The set of a process that has this name.
pub(super) fn mask_of(credentials: &Credentials, set: &str) -> Option<u64> {
    match set {
        "inheritable" => credentials.inheritable,
        "permitted" => credentials.permitted,
        "effective" => credentials.effective,
        "bounding" => credentials.bounding,
        "ambient" => credentials.ambient,
        _ => None,
    }
}
