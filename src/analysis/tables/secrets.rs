//! Table `secrets`.

use std::collections::HashMap;

use bstr::BString;

use super::super::secrets::{Secret, SecretsWanted, hash, length, masked};
use crate::model::ids::{Address, Pid};
use crate::tables::table;

table! {
    "secrets", key(detector, context, pid, variable, path, member, offset, address, position), brief(provider, detector, value, principal, context, pid, count, tags),
    event(Event::state(&["configuration"], "secret").about(Subject::Process).under("secret").secret(&["revealed"]));
    /// Passwords, keys and tokens in the container: one row for each value, with the best place where it was found and all
    /// processes that hold it. Values are shown in part at most. `docs/secrets.md` tells how they are found.
    pub struct SecretRow {
        /// Who issued it: `AWS`, `GitHub`, …. Null for passwords and keys that anybody makes.
        pub provider: Option<&'static str>,
        /// What found it: the name of a detector, or the id of a rule that the user brought.
        #[to(ecs("rule.name"))]
        pub detector: String,
        /// What it is, in words.
        pub title: String,
        /// `low`, `medium` or `high`: how sure it is that this is a secret.
        pub confidence: &'static str,
        /// What is shown of the value: its public prefix and, of long tokens, the last four characters.
        pub value: String,
        /// Its length in bytes; of passwords only roughly: `8–11`, `12–19`, `20+`.
        pub length: String,
        /// The beginning of its SHA-256, to compare values. For passwords it is made with a key that changes with each run
        /// (`keyed:`), unless `--stable-secret-hash` is given.
        pub hash: String,
        /// The value itself. Null unless `--reveal` is given.
        pub revealed: Option<BString>,
        /// Whom it belongs to, as far as it says so itself: the account of a key, the claims of a token, the user and host of
        /// a URL, the kind of a key.
        pub principal: Option<BString>,
        /// Time of expiry, if it says one.
        pub expires: Option<jiff::Timestamp>,
        /// Whether it had expired when the container was dumped.
        pub expired: Option<bool>,
        /// Where it was found, at best: `environment`, `arguments`, `specification`, `changed_file`, `volume`, `tmpfs`,
        /// `deleted_file`, `memfd`, `log`, `queue`, `shared_memory`, `memory` or `member`.
        pub context: &'static str,
        /// The process at that place; joins `processes`.
        pub pid: Option<Pid>,
        /// The environment variable.
        pub variable: Option<BString>,
        /// Path of the file.
        pub path: Option<BString>,
        /// Whether everyone in the container may read that file.
        pub world_readable: Option<bool>,
        /// Address in the process.
        pub address: Option<Address>,
        /// Member of the archive.
        pub member: Option<BString>,
        /// Offset in the inflated member, or in the file if the member is an archive of files, in bytes.
        pub offset: Option<u64>,
        /// Its number, from 0, among the values that the same detector found at the same place.
        pub position: u64,
        /// How often it was found.
        pub count: u64,
        /// All processes that hold it.
        pub pids: Vec<u32>,
        /// The users of these processes.
        pub uids: Vec<u32>,
        /// `example` (published in documents), `weak`, `default_credential`, `encrypted`, `test_mode`, `account_id`,
        /// `random_generator`, `signature_database`, `base64`, `utf16`.
        pub tags: Vec<BString>,
        /// The file of the rule that found it, if the user brought it.
        pub rule_file: Option<String>,
        /// What to do.
        pub action: &'static str,
    }
}

/// The rows of values.
pub(super) fn rows<'s>(
    secrets: impl Iterator<Item = &'s Secret>,
    wanted: &SecretsWanted,
    dumped: Option<jiff::Timestamp>,
) -> impl Iterator<Item = SecretRow> {
    let mut seen: HashMap<_, u64> = HashMap::new();
    secrets.map(move |secret| {
        let best = secret.best();
        let place = best.map(|site| {
            let file = (site.path.clone(), site.member.clone(), site.offset);
            (site.context.as_str(), site.pid, site.variable.clone(), site.address, file)
        });
        let next = seen.entry((secret.id.clone(), place)).or_default();
        let position = *next;
        *next = next.saturating_add(1);
        SecretRow { position, ..row(secret, wanted, dumped) }
    })
}

/// The row of a value, as if it were the only one at its place.
fn row(secret: &Secret, wanted: &SecretsWanted, dumped: Option<jiff::Timestamp>) -> SecretRow {
    let best = secret.best();
    let expires = secret.expires();
    let mut uids: Vec<u32> = secret.holders.values().flatten().copied().collect();
    uids.sort_unstable();
    uids.dedup();
    SecretRow {
        provider: secret.provider,
        detector: secret.id.clone(),
        title: secret.title.clone(),
        confidence: secret.confidence.as_str(),
        value: shown(secret),
        length: length(secret.style, secret.value.len()),
        hash: hash(secret.style, &secret.value, wanted.stable_hash),
        revealed: wanted.reveal.then(|| secret.value.clone().into()),
        principal: secret.principal.as_deref().map(BString::from),
        expires,
        expired: expires.zip(dumped).map(|(expires, dumped)| expires <= dumped),
        context: best.map_or("member", |site| site.context.as_str()),
        pid: best.and_then(|site| site.pid),
        variable: best.and_then(|site| site.variable.clone()),
        path: best.and_then(|site| site.path.clone()),
        world_readable: best.and_then(|site| site.mode.map(|_| site.is_world_readable())),
        address: best.and_then(|site| site.address).map(Address),
        member: best.and_then(|site| site.member.clone()),
        offset: best.and_then(|site| site.offset),
        position: 0,
        count: secret.count,
        pids: secret.holders.keys().map(|pid| pid.0).collect(),
        uids,
        tags: secret.tags.iter().map(|tag| super::text(tag)).collect(),
        rule_file: secret.rule_file.clone(),
        action: secret.action,
    }
}

/// A value as it is shown.
pub(super) fn shown(secret: &Secret) -> String {
    masked(&secret.id, secret.style, &secret.value, secret.public, secret.principal.as_deref())
}
