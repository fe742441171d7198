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
    "capabilities", key(pid, set), brief(pid, set, mask, added, missing, names);
    /// Capabilities by name: first the sets that the specification declares, then those of each process, in tree order.
    pub struct CapabilitySet {
        /// Process id; null for what the specification declares.
        pub pid: Option<Pid>,
        /// `inheritable`, `permitted`, `effective`, `bounding` or `ambient`.
        pub set: &'static str,
        /// The set as a mask; null where it is not recorded.
        pub mask: Option<Mask>,
        /// Names of the capabilities in it.
        pub names: Option<Vec<Cow<'static, str>>>,
        /// Capabilities that are in it although the specification declares them not; null where one of the two is not
        /// known. Programs may drop capabilities, but cannot gain what is not in the bounding set.
        pub added: Option<Vec<Cow<'static, str>>>,
        /// Capabilities that the specification declares and that are not in it; null where one of the two is not known.
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
            set,
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
                    set,
                    mask: mask.map(Mask),
                    names: mask.map(capability::names),
                    added: both.map(|(actual, declared)| capability::names(actual & !declared)),
                    missing: both.map(|(actual, declared)| capability::names(declared & !actual)),
                }
            })
        });
    of_spec.chain(actual)
}

/// A set of a process by its name.
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
