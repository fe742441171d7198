//! Table `secret_rotation`.

use std::collections::BTreeMap;

use bstr::BString;

use super::super::secrets::Secret;
use crate::tables::table;

table! {
    "secret_rotation", key(provider, detector, principal), brief(provider, title, principal, masked, processes, action);
    /// What to change after a compromise: one row for each owner of secrets at each provider. Published examples, expired
    /// tokens and encrypted keys are left out.
    pub struct RotationRow {
        /// Who issued the secrets. Null for passwords and keys that anybody makes.
        pub provider: Option<&'static str>,
        /// What found them.
        pub detector: String,
        /// What they are.
        pub title: String,
        /// Whom they belong to.
        pub principal: Option<BString>,
        /// What is shown of the values.
        pub masked: Vec<BString>,
        /// Number of processes that hold one of them.
        pub processes: u64,
        /// What to do.
        pub action: &'static str,
    }
}

/// The rows of values.
pub(super) fn rows<'s>(
    secrets: impl Iterator<Item = &'s Secret>,
    dumped: Option<jiff::Timestamp>,
) -> impl Iterator<Item = RotationRow> {
    let mut by_owner: BTreeMap<(&str, String, Option<&str>), Vec<&Secret>> = BTreeMap::new();
    for secret in secrets {
        let is_over = secret.expires().zip(dumped).is_some_and(|(expires, dumped)| expires <= dumped);
        if is_over || secret.has("encrypted") {
            continue;
        }
        let key = (secret.provider.unwrap_or("~"), secret.id.clone(), secret.principal.as_deref());
        by_owner.entry(key).or_default().push(secret);
    }
    by_owner
        .into_values()
        .filter_map(|all| {
            let first = all.first()?;
            let mut pids: Vec<u32> = all.iter().flat_map(|secret| secret.holders.keys().map(|pid| pid.0)).collect();
            pids.sort_unstable();
            pids.dedup();
            Some(RotationRow {
                provider: first.provider,
                detector: first.id.clone(),
                title: first.title.clone(),
                principal: first.principal.as_deref().map(BString::from),
                masked: all.iter().map(|secret| super::secrets::shown(secret).into()).collect(),
                processes: crate::int::u64_of(pids.len()),
                action: first.action,
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
}
