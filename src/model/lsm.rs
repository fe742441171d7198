//! The host's security module: policies of `AppArmor` namespaces, `apparmor.img`, which CRIU has written since 3.16.

use bstr::BString;

use super::{EngineFiles, Model};
use crate::images::proto::{AaNamespace, ApparmorEntry};
use crate::images::{Images, Kind};
use crate::warning::Code;

/// Greatest nesting depth of namespaces.
const MOST_DEPTH: usize = 32;
/// Bytes of the name of a namespace, which all its policies repeat.
const MOST_NAME: usize = 4096;

/// A policy loaded in an `AppArmor` namespace.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Names of the namespaces, outermost first, joined as the kernel joins them.
    pub namespace: BString,
    /// Name of the policy.
    pub name: BString,
    /// The compiled policy.
    pub blob: Vec<u8>,
}

/// Reads the policies, in the order of the image.
pub(crate) fn read(images: Images<'_>, _model: &Model, _engine_files: &EngineFiles<'_>) -> Vec<Policy> {
    let mut policies = Vec::new();
    images.each::<ApparmorEntry>(Kind::Apparmor, 0, |entry, _, place| {
        for namespace in entry.namespaces {
            if !collect(namespace, None, 0, &mut policies) {
                images.warnings.push(Code::LimitReached, place(), || {
                    format!(
                        "AppArmor namespaces are nested more than {MOST_DEPTH} deep, or have names of more than {MOST_NAME} \
                         bytes; those were skipped"
                    )
                });
            }
        }
    });
    policies
}

fn collect(namespace: AaNamespace, above: Option<&[u8]>, depth: usize, policies: &mut Vec<Policy>) -> bool {
    if depth >= MOST_DEPTH {
        return false;
    }
    let own = namespace.name.unwrap_or_default();
    let name = above.map_or_else(|| own.clone(), |above| [above, b"//", &own].concat());
    if name.len() > MOST_NAME {
        return false;
    }
    for policy in namespace.policies {
        policies.push(Policy {
            namespace: name.clone().into(),
            name: policy.name.unwrap_or_default().into(),
            blob: policy.blob.unwrap_or_default(),
        });
    }
    let mut is_whole = true;
    for inner in namespace.namespaces {
        is_whole &= collect(inner, Some(&name), depth.saturating_add(1), policies);
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::proto::AaPolicy;

    #[test]
    fn namespaces_within_namespaces_are_named_whole_and_bounded() {
        let policy = AaPolicy { name: Some("web".into()), blob: Some(vec![1, 2]) };
        let mut nested = AaNamespace { name: Some("n".into()), policies: vec![policy], namespaces: Vec::new() };
        nested = AaNamespace { name: Some("outer".into()), policies: Vec::new(), namespaces: vec![nested] };
        let mut policies = Vec::new();
        assert!(collect(nested.clone(), None, 0, &mut policies));
        assert_eq!((policies[0].namespace.as_slice(), policies[0].name.as_slice()), (&b"outer//n"[..], &b"web"[..]));
        for _ in 0..MOST_DEPTH {
            nested = AaNamespace { namespaces: vec![nested], ..Default::default() };
        }
        assert!(!collect(nested, None, 0, &mut policies));
    }
}
