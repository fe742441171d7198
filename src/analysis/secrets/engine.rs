//! Looks for secrets in bytes: marks first, then the detector of each mark, then who owns overlapping bytes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::super::Confidence;
use super::detector::{Detector, Match, Style};
use super::detectors::{self, ALL};
use super::encoded;
use super::prefilter::{Coding, Found, Prefilter, entry};
use super::text;
use super::user::UserRules;

/// Bytes behind a place that a secret may take with what gives it away.
pub(in crate::analysis) const REACH: usize = 16 << 10;
/// Places in a mebibyte that the detectors look at before they give up. Memory that was made to be slow is not searched
/// to its end.
const TRIES: usize = 40_000;
/// Most secrets in one text that is encoded once more.
const INNER: usize = 64;
/// Least secrets of different detectors near each other that are a list of signatures.
pub(in crate::analysis) const CROWD: usize = 5;

/// Detectors and rules, ready to search.
#[derive(Debug)]
pub(crate) struct Engine {
    filter: Prefilter,
    /// For each mark: the detectors and rules that have it.
    owners: Vec<Vec<usize>>,
    user: Arc<UserRules>,
    /// The lengths of the literals.
    literals: Vec<usize>,
}

/// The detectors without rules of the user's. They take milliseconds to make, so all share them.
pub(super) fn plain_engine() -> &'static Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Arc::new(Engine::new(UserRules::default())))
}

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The number of the detector; those of the user's rules follow.
    pub(crate) detector: usize,
    /// The secret with what gave it away.
    pub(crate) span: Range<usize>,
    /// The bytes that hold the value, encoded or not.
    pub(crate) place: Range<usize>,
    pub(crate) value: Vec<u8>,
    pub(crate) public: usize,
    pub(crate) confidence: Confidence,
    pub(crate) principal: Option<String>,
    pub(crate) tags: Vec<&'static str>,
}

/// What a search of some bytes did not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tired(pub(crate) bool);

impl Engine {
    /// The detectors, and rules that the user brought.
    pub(crate) fn new(user: UserRules) -> Self {
        let mut marks: Vec<(Vec<u8>, bool, bool)> = Vec::new();
        let mut owners: Vec<Vec<usize>> = Vec::new();
        let mut own = |mark: (Vec<u8>, bool, bool), owner: usize| {
            let place = marks.iter().position(|known| *known == mark).unwrap_or(marks.len());
            if place == marks.len() {
                marks.push(mark);
                owners.push(Vec::new());
            }
            if let Some(list) = owners.get_mut(place).filter(|list| list.last() != Some(&owner)) {
                list.push(owner);
            }
        };
        for (number, detector) in ALL.iter().enumerate() {
            for mark in detector.marks {
                own(entry(mark, detector.wrapped), number);
            }
        }
        for (number, keyword) in user.keywords() {
            own((keyword.to_vec(), true, false), ALL.len().saturating_add(number));
        }
        let filter = Prefilter::new(marks.into_iter());
        Engine { filter, owners, user: Arc::new(user), literals: Vec::new() }
    }

    /// The same detectors and rules, and bytes that are to be found in the same pass. Their numbers come after those of the
    /// rules. `None` if they are too short for the filter.
    pub(super) fn with_literals(&self, literals: &[&[u8]]) -> Option<Self> {
        let filter = self.filter.with(literals)?;
        let own = (self.count()..).take(literals.len()).map(|number| vec![number]);
        let owners = self.owners.iter().cloned().chain(own).collect();
        Some(Engine {
            filter,
            owners,
            user: Arc::clone(&self.user),
            literals: literals.iter().map(|one| one.len()).collect(),
        })
    }

    /// The detector with a number. `None` for a rule of the user's.
    pub(crate) fn detector(number: usize) -> Option<&'static Detector> {
        ALL.get(number).copied()
    }

    /// The rules that the user brought.
    pub(crate) fn user(&self) -> &UserRules {
        &self.user
    }

    /// Number of detectors and rules.
    pub(crate) fn count(&self) -> usize {
        ALL.len().saturating_add(self.user.len())
    }

    /// Calls `each` with the secrets that begin in a span, each with its detector, in no order and not yet owned, and with
    /// the literals. Says whether it gave up looking for secrets; literals are all found.
    pub(crate) fn raw(
        &self,
        bytes: &[u8],
        span: Range<usize>,
        schedules: bool,
        each: &mut dyn FnMut(usize, Match, Coding),
    ) -> Tired {
        let most = bytes.len().max(1 << 20).saturating_mul(TRIES) >> 20;
        let mut tries = 0_usize;
        let mut found = Vec::new();
        let mut seen_windows: HashMap<usize, usize> = HashMap::new();
        let schedule = detectors::find("aes-key-schedule").filter(|_| schedules);
        let mut until = 0;
        self.filter.find(bytes, span.start..bytes.len(), detectors::may_be_schedule, |filtered| {
            let seen = match (filtered, schedule) {
                (Found::Mark(seen), _) => seen,
                (Found::Random(place), Some(number)) if tries < most => {
                    detectors::schedules(bytes, place, |place| {
                        if place < until || !span.contains(&place) || tries >= most {
                            return;
                        }
                        tries = tries.saturating_add(1);
                        if let Some(detector) = ALL.get(number) {
                            (detector.find)(bytes, place, &mut found);
                        }
                        for found in found.drain(..) {
                            until = found.span.end;
                            each(number, found, Coding::Plain);
                        }
                    });
                    return tries < most || !self.literals.is_empty();
                }
                (Found::Random(_), _) => return tries < most || !self.literals.is_empty(),
            };
            for owner in self.owners.get(seen.number).into_iter().flatten() {
                if let Some(len) = owner.checked_sub(self.count()).and_then(|literal| self.literals.get(literal)) {
                    let found = seen.place..seen.place.saturating_add(*len);
                    if span.contains(&found.start) {
                        each(*owner, Match::of(found), Coding::Plain);
                    }
                    continue;
                }
                if tries >= most {
                    continue;
                }
                tries = tries.saturating_add(1);
                found.clear();
                match (ALL.get(*owner), seen.coding) {
                    (Some(detector), Coding::Plain) => (detector.find)(bytes, seen.place, &mut found),
                    (Some(detector), _) => encoded::find(detector, bytes, seen, &mut found),
                    (None, _) => {
                        let number = owner.saturating_sub(ALL.len());
                        self.user.find(number, bytes, seen.place, &mut seen_windows, &mut found);
                    }
                }
                for found in found.drain(..).filter(|found| span.contains(&found.span.start)) {
                    each(*owner, found, seen.coding);
                }
            }
            tries < most || !self.literals.is_empty()
        });
        for number in self.user.without_keywords() {
            found.clear();
            self.user.find_all(number, bytes, span.clone(), &mut found);
            for found in found.drain(..).filter(|found| span.contains(&found.span.start)) {
                each(ALL.len().saturating_add(number), found, Coding::Plain);
            }
        }
        Tired(tries >= most)
    }

    /// All secrets in bytes, in order. No two of them share bytes: the first detector in the list owns them.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.raw(bytes, 0..bytes.len(), false, &mut |detector, found, coding| {
            hits.extend(Self::hit(bytes, detector, found, coding));
        });
        owned(hits)
    }

    /// All secrets in a setting, `name=value`, of which all is known to be the value: a variable, an argument.
    pub(crate) fn find_in_setting(&self, bytes: &[u8]) -> Vec<Hit> {
        let assigned = detectors::find("assigned-secret").unwrap_or_default();
        let mut hits = Vec::new();
        hits.extend(settings(bytes).flat_map(|found| Self::hit(bytes, assigned, found, Coding::Plain)));
        self.raw(bytes, 0..bytes.len(), false, &mut |detector, found, coding| {
            hits.extend(Self::hit(bytes, detector, found, coding));
        });
        owned(hits)
    }

    /// What begins at the beginning of a span that was found before. Of what was around it, some bytes are there; the
    /// keyword of a rule of the user's may not be.
    pub(crate) fn again(&self, bytes: &[u8], span: Range<usize>, schedules: bool) -> Vec<Hit> {
        let mut hits = Vec::new();
        let first = span.start..span.start.saturating_add(1);
        self.raw(bytes, first.clone(), schedules, &mut |detector, found, coding| {
            hits.extend(Self::hit(bytes, detector, found, coding));
        });
        for (number, found) in self.user.matches_at(bytes, span) {
            hits.extend(Self::hit(bytes, ALL.len().saturating_add(number), found, Coding::Plain));
        }
        hits
    }

    /// The secret of a match, and those that are encoded in it.
    pub(crate) fn hit(bytes: &[u8], detector: usize, found: Match, coding: Coding) -> Vec<Hit> {
        let value = found.read.clone().unwrap_or_else(|| text::part(bytes, found.value.clone()).to_vec());
        if value.is_empty() {
            return Vec::new();
        }
        let mut hits = Vec::new();
        // What is encoded in it may have secrets of other kinds.
        if let Some(inner) = &found.inner {
            let mut within = Vec::new();
            let _ = plain_engine().raw(inner, 0..inner.len(), false, &mut |number, one, coding| {
                if coding == Coding::Plain && within.len() < INNER {
                    let value = one.read.clone().unwrap_or_else(|| text::part(inner, one.value.clone()).to_vec());
                    within.push(Hit::new(number, one, value));
                }
            });
            hits.extend(owned(within).into_iter().filter(|hit| !hit.value.is_empty()).map(|hit| Hit {
                span: found.span.clone(),
                place: found.value.clone(),
                tags: hit.tags.into_iter().chain(["base64"]).collect(),
                ..hit
            }));
        }
        let mut tags = found.tags.clone();
        match coding {
            Coding::Plain => {}
            Coding::Wide => tags.push("utf16"),
            Coding::Base64 => tags.push("base64"),
        }
        if detectors::is_example(&value) && !tags.contains(&"example") {
            tags.push("example");
        }
        hits.push(Hit::new(detector, Match { tags, ..found }, value));
        hits
    }
}

impl Hit {
    /// The same at places that are so many bytes further.
    pub(crate) fn moved(self, by: usize) -> Self {
        let to = |range: &Range<usize>| range.start.saturating_add(by)..range.end.saturating_add(by);
        Hit { span: to(&self.span), place: to(&self.place), ..self }
    }

    fn new(detector: usize, found: Match, value: Vec<u8>) -> Self {
        Hit {
            detector,
            span: found.span,
            place: found.value,
            value,
            public: found.public,
            confidence: found.confidence,
            principal: found.principal,
            tags: found.tags,
        }
    }
}

/// The values of settings whose names say that they are secrets: that of the first name, and of the second, as in
/// `--env=PASSWORD=…`.
fn settings(bytes: &[u8]) -> impl Iterator<Item = Match> {
    let is_of_name = |byte: &u8| text::is_url64(*byte) || *byte == b'.';
    let signs = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'=').map(|(place, _)| place).take(2);
    let starts = std::iter::once(0).chain(signs.clone().map(|sign| sign.saturating_add(1)));
    starts.zip(signs).filter_map(move |(start, sign)| {
        let is_name = text::part(bytes, start..sign).iter().all(is_of_name);
        is_name.then(|| detectors::setting(bytes, start..sign)).flatten()
    })
}

/// Whether a hit was found in text that is encoded once more.
fn is_inner(hit: &Hit) -> bool {
    hit.tags.contains(&"base64")
}

/// Whether values of a detector are containers of others, which are reported beside them.
fn is_container(detector: usize) -> bool {
    ALL.get(detector).is_some_and(|one| matches!(one.id, "docker-config-auth" | "http-basic" | "kubernetes-secret"))
}

/// Keeps the hits that own their bytes: those of the first detector in the list. What is encoded once more comes after
/// what knows the encoding, such as a kubeconfig file.
pub(crate) fn owned(mut hits: Vec<Hit>) -> Vec<Hit> {
    let encoded = detectors::find("url-password").unwrap_or_default();
    let rank = |hit: &Hit| if is_inner(hit) { hit.detector.max(encoded) } else { hit.detector };
    hits.sort_by_key(|hit| (rank(hit), hit.detector, hit.place.start, std::cmp::Reverse(hit.place.end)));
    let mut taken: BTreeMap<usize, (usize, usize, bool)> = BTreeMap::new();
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        let owner = taken.range(..hit.place.end).next_back().map(|(_, owner)| *owner);
        let owner = owner.filter(|(end, ..)| *end > hit.place.start);
        match owner {
            None => {
                let _ = taken.insert(hit.place.start, (hit.place.end, hit.detector, is_inner(&hit)));
                kept.push(hit);
            }
            Some((_, owner, owner_is_inner)) => {
                let is_beside = is_inner(&hit) && (is_container(owner) || owner_is_inner)
                    || owner_is_inner && is_container(hit.detector);
                let is_new =
                    || kept.iter().rev().take(32).all(|one| one.value != hit.value || one.detector != hit.detector);
                if is_beside && is_new() {
                    kept.push(hit);
                }
            }
        }
    }
    kept.sort_by_key(|hit| (hit.place.start, hit.detector));
    kept
}

/// How the values of a detector are shown.
pub(crate) fn style(detector: usize) -> Style {
    ALL.get(detector).map_or(Style::Token, |detector| detector.style)
}
