//! All secrets of a checkpoint: from environments, arguments, memory, and everything else in the archive.

use std::collections::{BTreeMap, HashMap, HashSet};

use bstr::{BString, ByteSlice};
use sha2::{Digest, Sha256};

use super::super::Facts;
use super::super::facts::ProcessFacts;
use super::super::hits::Sought;
use super::super::secrets::arguments;
use super::super::secrets::detector::Style;
use super::super::secrets::detectors::{self, ALL};
use super::super::secrets::engine::{Engine, Hit, owned};
use super::super::secrets::user::UserRule;
use super::super::secrets::value::{Context, Secret, Site};
use super::harmless::{crowds, generators, is_scanners};
use super::places::{Places, about};
use crate::int::{u64_of, usize_of};
use crate::memory::{AddressSpace, Origin, SearchOptions};
use crate::model::ids::Pid;

/// Bytes before and behind what was found that are read with it.
const AROUND: u64 = 64;
/// Most values.
const VALUES: usize = 20_000;

/// The secrets of a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// The values, by provider, detector, and place.
    pub(crate) values: Vec<Secret>,
    /// What could not be looked at, and why.
    pub(crate) gaps: Vec<String>,
    /// Number of places that were looked at.
    pub(crate) looked_at: u64,
}

/// Puts values together while they are found.
struct Collector<'f, 'c> {
    facts: &'f Facts<'c>,
    engine: &'f Engine,
    by_value: HashMap<(usize, [u8; 32]), usize>,
    secrets: Secrets,
}

impl Secrets {
    /// The secrets of a checkpoint. They are looked for once.
    pub(crate) fn of(facts: &Facts<'_>) -> std::sync::Arc<Secrets> {
        facts.checkpoint().attached(|| Secrets::find(facts))
    }

    /// How many values there are that count, by provider or kind; the most first.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for secret in self.values.iter().filter(|secret| !secret.is_harmless()) {
            let name = match (secret.provider, secret.style) {
                (Some(provider), _) => provider.to_owned(),
                (None, Style::Password) => "passwords".to_owned(),
                (None, Style::Key) if secret.id == "password-hash" => "password hashes".to_owned(),
                (None, Style::Key) => "keys".to_owned(),
                (None, Style::Token) => "tokens".to_owned(),
            };
            let count = counts.entry(name).or_default();
            *count = count.saturating_add(1);
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }

    fn find(facts: &Facts<'_>) -> Self {
        let Some(engine) = facts.brought().secrets().engine() else { return Secrets::default() };
        let mut all = Collector { facts, engine, by_value: HashMap::new(), secrets: Secrets::default() };
        for process in facts.living() {
            all.environment(process);
            all.arguments(process);
        }
        all.memory();
        all.elsewhere();
        all.mark_pairs();
        let mut secrets = all.secrets;
        secrets.gaps.sort_unstable();
        secrets.gaps.dedup();
        let key = |secret: &Secret| (secret.provider.unwrap_or("~"), secret.detector);
        secrets.values.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.sites_key().cmp(&b.sites_key())));
        let mut alike: HashMap<Vec<BString>, usize> = HashMap::new();
        for secret in &mut secrets.values {
            let count = alike.entry(secret.identity()).or_default();
            secret.number = *count;
            *count = count.saturating_add(1);
        }
        secrets
    }
}

impl Secret {
    /// What sorts values of one detector.
    fn sites_key(&self) -> impl Ord {
        let best = self.best();
        let site = best.map(|site| (site.context, site.pid, site.address, site.member.clone(), site.offset));
        (site, self.value.clone())
    }
}

impl<'c> Collector<'_, 'c> {
    fn add(&mut self, hit: &Hit, site: Site) {
        let path = site.path.as_deref().map(Vec::as_slice);
        if let Some(number) = hit.detector.checked_sub(ALL.len())
            && !self.engine.user().counts_at(number, path)
        {
            return;
        }
        let key = (hit.detector, <[u8; 32]>::from(Sha256::digest(&hit.value)));
        let uid = site.pid.and_then(|pid| self.facts.process(pid)).and_then(|process| process.row.euid);
        let known = self.by_value.get(&key).copied();
        if known.is_none() && self.secrets.values.len() >= VALUES {
            self.secrets.gaps.push(format!("there are more than {VALUES} values; the rest are not listed"));
            return;
        }
        let place = known.unwrap_or(self.secrets.values.len());
        if known.is_none() {
            self.secrets.values.push(self.new_secret(hit));
            let _ = self.by_value.insert(key, place);
        }
        if let Some(secret) = self.secrets.values.get_mut(place) {
            secret.add(site, uid, hit);
        }
    }

    fn new_secret(&self, hit: &Hit) -> Secret {
        let rule = hit.detector.checked_sub(ALL.len()).and_then(|number| self.engine.user().get(number));
        let of_rule = |rule: &UserRule| rule.description.clone().unwrap_or_else(|| rule.id.clone());
        let detector = ALL.get(hit.detector);
        let id = detector.map(|one| one.id.to_owned()).or_else(|| rule.map(|rule| rule.id.clone())).unwrap_or_default();
        let title = detector.map(|one| one.title.to_owned()).or_else(|| rule.map(of_rule)).unwrap_or_default();
        let provider = detector.and_then(|one| one.provider);
        let action = detector.map_or("Revoke the value where it was issued, and issue a new one.", |one| one.action);
        let style = detector.map_or(Style::Token, |one| one.style);
        let rule_file = rule.map(|rule| rule.file.clone());
        Secret {
            detector: hit.detector,
            id,
            title,
            provider,
            action,
            rule_file,
            style,
            confidence: hit.confidence,
            value: hit.value.clone(),
            public: hit.public,
            principal: hit.principal.clone(),
            tags: hit.tags.iter().copied().collect(),
            number: 0,
            count: 0,
            sites: Vec::new(),
            holders: BTreeMap::new(),
        }
    }

    fn environment(&mut self, process: &ProcessFacts<'_>) {
        self.secrets.looked_at = self.secrets.looked_at.saturating_add(1);
        let Some(variables) = process.env() else {
            self.secrets.gaps.push("an environment is in memory that is not in the archive".to_owned());
            return;
        };
        for (name, value) in variables {
            let text = bstr::concat([name.as_slice(), b"=", value.as_slice()]);
            for hit in self.engine.find_in_setting(&text) {
                let mut site = Site::new(Context::Environment);
                site.pid = Some(process.pid());
                site.variable = Some(name.clone());
                self.add(&hit, site);
            }
        }
    }

    fn arguments(&mut self, process: &ProcessFacts<'_>) {
        let argv = process.argv();
        let program = process.program.base();
        for text in arguments::texts(program, argv) {
            let hits =
                if text.is_setting { self.engine.find_in_setting(&text.bytes) } else { self.engine.find(&text.bytes) };
            for hit in hits {
                let mut site = Site::new(Context::Arguments);
                site.pid = Some(process.pid());
                self.add(&hit, site);
            }
        }
    }

    /// What the search of memory found.
    fn memory(&mut self) {
        let hits = self.facts.hits();
        if hits.unread > 0 {
            self.secrets.gaps.push("memory that was recorded cannot be read".to_owned());
        }
        let mut by_pid: BTreeMap<Pid, HashSet<(u64, u64)>> = BTreeMap::new();
        for kind in 0..self.engine.count() {
            let found = hits.of_kind(Sought::Secrets, kind);
            if hits.is_full(kind) {
                let what = self.name(kind);
                self.secrets.gaps.push(format!("{what}: there are more places in memory than are kept"));
            }
            for one in found {
                let _ = by_pid.entry(one.pid).or_default().insert((one.address, one.len));
            }
        }
        if !hits.of_kind(Sought::Secrets, self.engine.count()).is_empty() {
            self.secrets
                .gaps
                .push("memory that has marks of secrets everywhere was not searched to its end".to_owned());
        }
        let mut shared: HashSet<(u64, u64, usize)> = HashSet::new();
        for (pid, places) in by_pid {
            let Some(space) = self.facts.space_of_hits(pid) else { continue };
            self.memory_of(pid, &space, places, &mut shared);
        }
    }

    fn memory_of(
        &mut self,
        pid: Pid,
        space: &AddressSpace<'c>,
        places: HashSet<(u64, u64)>,
        shared: &mut HashSet<(u64, u64, usize)>,
    ) {
        let mut places: Vec<(u64, u64)> = places.into_iter().collect();
        places.sort_unstable_by_key(|(address, len)| (*address, std::cmp::Reverse(*len)));
        places.dedup_by_key(|(address, _)| *address);
        let mut hits: Vec<Hit> = Vec::new();
        for (address, len) in places {
            let (base, bytes) = around(space, address, len);
            let start = usize_of(address.saturating_sub(base));
            let span = start..start.saturating_add(usize_of(len));
            hits.extend(self.engine.again(&bytes, span, true).into_iter().map(|hit| hit.moved(usize_of(base))));
        }
        let hits = owned(hits);
        let crowd = crowds(&hits);
        let entry = &space.mm().entry;
        let (env, argv) = (entry.mm_env_start()..entry.mm_env_end(), entry.mm_arg_start()..entry.mm_arg_end());
        let is_schedule = detectors::find("aes-key-schedule");
        let generators = generators(&hits, is_schedule);
        let program = self.facts.process(pid).and_then(|process| process.program.path.clone());
        let is_scanner = program.is_some_and(|path| is_scanners(&path));
        for (mut hit, is_crowded) in hits.into_iter().zip(crowd) {
            let address = u64_of(hit.place.start);
            // These were looked at as such.
            if env.contains(&address) || argv.contains(&address) {
                continue;
            }
            let vma = space.mm().vma_at(address);
            let permissions = vma.map(crate::model::vma::Vma::permissions).unwrap_or_default();
            if is_schedule == Some(hit.detector) && !(permissions.contains('w') && permissions.ends_with('p')) {
                continue;
            }
            self.secrets.looked_at = self.secrets.looked_at.saturating_add(1);
            if is_crowded && is_scanner {
                hit.tags.push("signature_database");
            }
            if is_schedule == Some(hit.detector) && generators.contains(&hit.value) {
                hit.tags.push("random_generator");
            }
            let object = vma.and_then(|vma| {
                let number = space.shared_object(vma)?;
                Some((number, address.saturating_sub(vma.start.0).saturating_add(vma.offset)))
            });
            let mut site = Site::new(if object.is_some() { Context::SharedMemory } else { Context::Memory });
            site.pid = Some(pid);
            site.address = Some(address);
            site.len = u64_of(hit.place.len());
            if let Some(run) = space.runs(address, address.saturating_add(1)).next()
                && let Origin::Recorded { image, offset, .. } = run.origin
            {
                site.member = Some(image.into());
                site.offset = Some(offset);
            }
            let is_known = object.is_some_and(|(number, offset)| !shared.insert((number, offset, hit.detector)));
            self.add(&hit, site);
            if is_known {
                // The same bytes, seen by another process.
                let key = (hit.detector, <[u8; 32]>::from(Sha256::digest(&hit.value)));
                let secret = self.by_value.get(&key).and_then(|place| self.secrets.values.get_mut(*place));
                if let Some(secret) = secret {
                    secret.count = secret.count.saturating_sub(1);
                }
            }
        }
    }

    /// Everything in the archive but the memory of processes.
    fn elsewhere(&mut self) {
        let Some(matcher) = self.facts.brought().secrets().matcher() else { return };
        let checkpoint = self.facts.checkpoint();
        let found = checkpoint.memory().search_kept_files(&matcher, &SearchOptions::default(), AROUND);
        if found.more {
            self.secrets
                .gaps
                .push("files: there are more places of a kind than are kept; the rest are not listed".to_owned());
        }
        if found.unread > 0 {
            self.secrets.gaps.push("files that are in the archive cannot be read".to_owned());
        }
        // By member and file: the hits, whose places are offsets.
        let mut by_file: BTreeMap<(BString, Option<BString>), Vec<Hit>> = BTreeMap::new();
        for one in found.found {
            if one.pattern >= self.engine.count() {
                self.secrets
                    .gaps
                    .push("a file that has marks of secrets everywhere was not searched to its end".to_owned());
                continue;
            }
            let start = usize_of(one.before);
            let span = start..start.saturating_add(usize_of(one.len));
            let base = usize_of(one.offset.saturating_sub(one.before));
            let again = self.engine.again(&one.bytes, span, false);
            by_file.entry((one.member, one.file)).or_default().extend(again.into_iter().map(|hit| hit.moved(base)));
        }
        let places = Places::read(self.facts);
        for ((member, file), hits) in by_file {
            let hits = owned(hits);
            let crowd = crowds(&hits);
            let about = about(&places, member.as_bstr(), file.as_ref());
            for (mut hit, is_crowded) in hits.into_iter().zip(crowd) {
                self.secrets.looked_at = self.secrets.looked_at.saturating_add(1);
                if is_crowded && about.path.as_ref().is_some_and(|path| is_scanners(path)) {
                    hit.tags.push("signature_database");
                }
                let mut site = about.clone();
                site.len = u64_of(hit.place.len());
                site.offset = Some(u64_of(hit.place.start));
                self.add(&hit, site);
            }
        }
    }

    /// A secret access key is sure if the id of a key is near it.
    fn mark_pairs(&mut self) {
        const NEAR: u64 = 4096;
        let ids: HashSet<(Option<Pid>, Option<BString>, u64)> = self
            .secrets
            .values
            .iter()
            .filter(|secret| secret.id == "aws-access-key-id")
            .flat_map(|secret| &secret.sites)
            .map(|site| (site.pid, site.path.clone(), site.address.or(site.offset).unwrap_or(0).wrapping_div(NEAR)))
            .collect();
        for secret in self.secrets.values.iter_mut().filter(|secret| secret.id == "aws-secret-access-key") {
            let is_near = secret.sites.iter().any(|site| {
                let part = site.address.or(site.offset).unwrap_or(0).wrapping_div(NEAR);
                let near = part.saturating_sub(1)..=part.saturating_add(1);
                near.into_iter().any(|part| ids.contains(&(site.pid, site.path.clone(), part)))
            });
            if is_near {
                secret.confidence = super::super::Confidence::High;
            }
        }
    }

    fn name(&self, kind: usize) -> String {
        let user = || Some(self.engine.user().get(kind.checked_sub(ALL.len())?)?.id.clone());
        ALL.get(kind).map(|detector| detector.id.to_owned()).or_else(user).unwrap_or_default()
    }
}

/// The bytes of what was found in memory, with what is around it, if that is here.
fn around<'s>(space: &AddressSpace<'s>, address: u64, len: u64) -> (u64, std::borrow::Cow<'s, [u8]>) {
    for margin in [AROUND, 1, 0] {
        let from = address.saturating_sub(margin);
        let before = address.saturating_sub(from);
        for behind in [margin, 0] {
            if let Ok(bytes) = space.read(from, before.saturating_add(len).saturating_add(behind)) {
                return (from, bytes);
            }
        }
    }
    (address, std::borrow::Cow::Borrowed(&[]))
}
