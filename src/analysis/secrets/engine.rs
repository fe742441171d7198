//! Looks for secrets in bytes: marks first, then the detector of each mark, then who owns overlapping bytes.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::super::Confidence;
use super::detector::{Detector, Match, Style};
use super::detectors::{self, ALL};
use super::prefilter::{Coding, Found, Prefilter, SAMPLE, Seen, entry};
use super::text;
use super::user::UserRules;

/// Bytes behind a place that a secret may take with what gives it away.
pub(in crate::analysis) const REACH: usize = 16 << 10;
/// Characters before and behind a mark that are read of encoded text.
const WRAPPED_BEFORE: usize = 48;
const WRAPPED: usize = 6 << 10;
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
    user: UserRules,
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
        Engine { filter, owners, user }
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

    /// Calls `each` with the secrets that begin in a span, each with its detector, in no order and not yet owned. Says
    /// whether it gave up.
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
        let random = |sample: &[u8; SAMPLE]| schedule.is_some() && detectors::may_be_schedule(sample);
        self.filter.find(bytes, span.start..bytes.len(), random, |filtered| {
            let seen = match (filtered, schedule) {
                (Found::Mark(seen), _) => seen,
                (Found::Random(place), Some(number)) => {
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
                    return tries < most;
                }
                (Found::Random(_), None) => return true,
            };
            for owner in self.owners.get(seen.number).into_iter().flatten() {
                tries = tries.saturating_add(1);
                found.clear();
                match (ALL.get(*owner), seen.coding) {
                    (Some(detector), Coding::Plain) => (detector.find)(bytes, seen.place, &mut found),
                    (Some(detector), _) => wrapped(detector, bytes, seen, &mut found),
                    (None, _) => {
                        let number = owner.saturating_sub(ALL.len());
                        self.user.find(number, bytes, seen.place, &mut seen_windows, &mut found);
                    }
                }
                for found in found.drain(..).filter(|found| span.contains(&found.span.start)) {
                    each(*owner, found, seen.coding);
                }
            }
            tries < most
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
        let raw = text::part(bytes, found.value.clone());
        let value = match (&found.read, coding) {
            (Some(read), _) => Some(read.clone()),
            (None, Coding::Plain) => Some(raw.to_vec()),
            (None, Coding::Wide) => narrowed(raw),
            (None, Coding::Base64) => unwrapped_value(bytes, &found),
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Vec::new() };
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

/// Every second byte of UTF-16.
fn narrowed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let narrow = pairs.iter().map(|[low, high]| (*high == 0).then_some(*low));
    narrow.collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
}

/// Looks at an encoded mark: decodes what is around it, and maps matches back.
fn wrapped(detector: &Detector, bytes: &[u8], seen: Seen, out: &mut Vec<Match>) {
    let before = out.len();
    match seen.coding {
        Coding::Plain => {}
        Coding::Wide => {
            let is_wide = |pair: &[u8; 2]| pair[1] == 0 && pair[0] != 0;
            let head = bytes.get(..seen.place).unwrap_or_default();
            let back = head.as_rchunks::<2>().1.iter().rev().take(WRAPPED_BEFORE).take_while(|p| is_wide(p)).count();
            let start = seen.place.saturating_sub(back.saturating_mul(2));
            let tail = text::from(bytes, start).as_chunks::<2>().0;
            let narrow: Vec<u8> = tail.iter().take(WRAPPED).take_while(|p| is_wide(p)).map(|pair| pair[0]).collect();
            (detector.find)(&narrow, back, out);
            let to = |range: &Range<usize>| {
                let place = |at: usize| start.saturating_add(at.saturating_mul(2));
                place(range.start)..place(range.end)
            };
            for found in out.iter_mut().skip(before) {
                (found.span, found.value) = (to(&found.span), to(&found.value));
            }
        }
        Coding::Base64 => {
            let (start, decoded) = decoded_at(bytes, seen.place);
            let mark_at = seen.place.saturating_sub(start).saturating_mul(3).wrapping_div(4);
            for place in mark_at..mark_at.saturating_add(3) {
                let is_here = detector.marks.iter().any(|mark| text::has(&decoded, place, mark.bytes()));
                if is_here {
                    (detector.find)(&decoded, place, out);
                    break;
                }
            }
            // The whole groups of four that hold the value.
            let to = |range: &Range<usize>| {
                let first = start.saturating_add(range.start.wrapping_div(3).saturating_mul(4));
                let last = start.saturating_add(range.end.div_ceil(3).saturating_mul(4)).min(bytes.len());
                first..last
            };
            for found in out.iter_mut().skip(before) {
                let (from, len) = (found.value.start.wrapping_rem(3), found.value.len());
                found.inner = None;
                (found.span, found.value) = (to(&found.span), to(&found.value));
                found.decoded = Some((from, len));
            }
        }
    }
}

/// Decodes base64 around the beginning of a group of four.
fn decoded_at(bytes: &[u8], place: usize) -> (usize, Vec<u8>) {
    let back = text::run_back(bytes, place, text::is_base64, WRAPPED_BEFORE);
    let groups = place.saturating_sub(back).wrapping_div(4);
    let start = place.saturating_sub(groups.saturating_mul(4));
    let end = text::run(bytes, start, text::is_base64, WRAPPED);
    let body = text::part(bytes, start..end);
    let whole = body.len().saturating_sub(body.len().wrapping_rem(4));
    let decoded = text::base64(body).or_else(|| text::base64(body.get(..whole)?)).unwrap_or_default();
    (start, decoded)
}

/// The value of a match in base64.
fn unwrapped_value(bytes: &[u8], found: &Match) -> Option<Vec<u8>> {
    let (from, len) = found.decoded?;
    let run = text::run(bytes, found.value.start, text::is_base64, found.value.len());
    let decoded = text::base64(text::part(bytes, found.value.start..run))?;
    decoded.get(from..from.checked_add(len)?).map(<[u8]>::to_vec)
}

/// How the values of a detector are shown.
pub(crate) fn style(detector: usize) -> Style {
    ALL.get(detector).map_or(Style::Token, |detector| detector.style)
}
