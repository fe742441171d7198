//! Compares the indicators with a checkpoint.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::super::indicators::index::{Entry, Has, Index};
use super::super::indicators::named::{domains, urls};
use super::super::indicators::warninglists::Scope as Quiet;
use super::super::indicators::words::Form;
use super::super::indicators::{About, Indicators, Kind, List};
use super::super::secrets::redacted;
use super::super::{Evidence, Fact, Facts};
use crate::int::usize_of;
use crate::model::ids::Pid;

/// Matches of all indicators, and of one, that are listed. The rest are counted.
const MATCHES: usize = 100_000;
const PLACES: u64 = 64;
/// Bytes of the context of a match.
const CONTEXT: usize = 200;
/// Bytes before and behind it by which secrets are known.
const SECRET: usize = 1024;

/// How sure a match is that the thing was here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Only text says its name.
    Text,
    /// The thing itself is here: a socket, a tracked connection, a file, a program.
    Contact,
}

impl How {
    /// `contact` or `text`.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Contact => "contact",
            How::Text => "text",
        }
    }
}

/// Where a match is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// In words: `socket`, `command line`, `memory`, ….
    pub(super) place: &'static str,
    pub(super) table: &'static str,
    /// The key of the row.
    pub(super) key: Vec<(&'static str, Fact)>,
    pub(super) pid: Option<Pid>,
    pub(super) path: Option<BString>,
    pub(super) member: Option<BString>,
    pub(super) offset: Option<u64>,
    pub(super) address: Option<u64>,
    pub(super) length: Option<u64>,
    pub(super) direction: Option<&'static str>,
    pub(super) protocol: Option<String>,
    pub(super) remote: Option<(String, u32)>,
    pub(super) socket: Option<u64>,
    pub(super) context: Vec<u8>,
    pub(super) sha256: Option<String>,
    /// How far the TLSH of the file is from that of the indicator.
    pub(super) distance: Option<i32>,
    /// Whether the thing is in use: connected, running, mapped.
    pub(super) in_use: bool,
}

/// What a match is in: the place, the process, the other end of a connection, and the file, log or row outside of processes.
pub(super) type Source = (&'static str, Option<Pid>, Option<(String, u32)>, BString);

impl Spot {
    /// What it is in.
    pub(super) fn source(&self) -> Source {
        // Where a client connects from is any port.
        let remote = self.remote.clone();
        let remote = remote.map(|(address, port)| (address, if self.direction == Some("inbound") { 0 } else { port }));
        let of_row = || self.pid.is_none().then(|| format!("{:?}", self.key).into());
        (
            self.place,
            self.pid,
            remote,
            self.path.clone().or_else(|| self.member.clone()).or_else(of_row).unwrap_or_default(),
        )
    }
}

/// An indicator that was found at a place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Match {
    /// What the indicator is.
    pub kind: Kind,
    /// Its value as the list has it.
    pub value: BString,
    /// What its list says of it.
    pub about: About,
    /// Contact or text.
    pub how: How,
    /// Number of times that it is there.
    pub count: u64,
    /// The list that says that it is too general.
    pub silenced_by: Option<String>,
    /// Whether it had ceased to hold before the checkpoint.
    pub is_stale: bool,
    pub(super) spot: Spot,
    pub(super) entry: u32,
}

impl Match {
    /// Where it was found, in words: `socket`, `command line`, `memory`.
    pub fn place(&self) -> &'static str {
        self.spot.place
    }

    /// The process.
    pub fn pid(&self) -> Option<Pid> {
        self.spot.pid
    }

    /// Path of the program or file.
    pub fn path(&self) -> Option<&BString> {
        self.spot.path.as_ref()
    }

    /// `outbound`, `inbound` or `listening`, for connections.
    pub fn direction(&self) -> Option<&'static str> {
        self.spot.direction
    }

    /// What shows it.
    pub fn evidence(&self, facts: &Facts<'_>) -> Evidence {
        let spot = &self.spot;
        let mut evidence = match (spot.pid, spot.address) {
            (Some(pid), Some(address)) => Evidence::memory(facts, pid, address, spot.length.unwrap_or(0)),
            _ => Evidence::row(spot.table, spot.key.iter().cloned()),
        };
        if evidence.member.is_none() {
            evidence.member.clone_from(&spot.member);
            evidence.member_offset = spot.offset.filter(|_| spot.member.is_some());
            if let (Some(member), Some(offset)) = (&evidence.member, evidence.member_offset) {
                evidence.archive_offset = facts.archive_offset(member, offset);
            }
            evidence.length = spot.length;
        }
        let (address, port) = spot.remote.clone().unzip();
        evidence = evidence
            .with("protocol", spot.protocol.as_deref())
            .with("direction", spot.direction)
            .with("remote_address", address)
            .with("remote_port", port)
            .with_sha256(spot.sha256.clone());
        if !spot.context.is_empty() {
            evidence = evidence.with_text(spot.context.as_slice());
        }
        evidence
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Matches {
    /// The matches: contacts first, then by indicator and place.
    pub all: Vec<Match>,
    /// Whether there are more than are listed.
    pub more: bool,
    /// What could not be compared, and why, with the number of things.
    pub not_compared: BTreeMap<String, u64>,
    /// Number of things that were compared.
    pub looked_at: u64,
    lists: Vec<List>,
}

impl Matches {
    /// The list of a match.
    pub fn list(&self, found: &Match) -> Option<&List> {
        self.lists.get(usize_of(found.about.list.into()))
    }
}

/// Collects matches.
pub(super) struct Collector<'f, 'c> {
    pub(super) facts: &'f Facts<'c>,
    pub(super) indicators: &'f Indicators,
    pub(super) index: &'f Index,
    all: Vec<Match>,
    /// Matches by value and place, so that the same is counted instead of listed again.
    seen: HashMap<(u32, Source), usize>,
    /// Number of matches of each indicator.
    places: HashMap<u32, u64>,
    /// Values that have a match.
    found: HashSet<u32>,
    more: bool,
    not_compared: BTreeMap<String, u64>,
    looked_at: u64,
    checkpointed: Option<jiff::Timestamp>,
}

impl<'f, 'c> Collector<'f, 'c> {
    pub(super) fn new(facts: &'f Facts<'c>, indicators: &'f Indicators) -> Self {
        Collector {
            facts,
            indicators,
            index: &indicators.index,
            all: Vec::new(),
            seen: HashMap::new(),
            places: HashMap::new(),
            found: HashSet::new(),
            more: false,
            not_compared: BTreeMap::new(),
            looked_at: 0,
            checkpointed: facts.checkpoint().rows().container().checkpointed,
        }
    }

    /// What was found: contacts first.
    pub(super) fn finish(mut self) -> Matches {
        self.drop_parts();
        self.all.sort_by(|a, b| {
            b.how
                .cmp(&a.how)
                .then_with(|| (a.entry, a.spot.place, a.spot.pid).cmp(&(b.entry, b.spot.place, b.spot.pid)))
        });
        Matches {
            all: self.all,
            more: self.more,
            not_compared: self.not_compared,
            looked_at: self.looked_at,
            lists: self.indicators.lists().to_vec(),
        }
    }

    /// Counts a thing that is compared.
    pub(super) fn look(&mut self) {
        self.looked_at = self.looked_at.saturating_add(1);
    }

    pub(super) fn not_compared(&mut self, why: &str) {
        let count = self.not_compared.entry(why.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds the matches of a row: those of the entries whose further conditions hold.
    pub(super) fn row(&mut self, numbers: &[u32], has: &Has<'_>, how: How, spot: &Spot) {
        for &number in numbers {
            let Some(entry) = self.index.entry(number) else { continue };
            if self.index.holds(entry, has) {
                self.found(number, entry, how, spot);
            }
        }
    }

    /// Adds the matches in a text. `further` are the values that its row has besides.
    pub(super) fn text(&mut self, text: &[u8], spot: &Spot) {
        if text.len() < 3 {
            return;
        }
        let words = Arc::clone(&self.indicators.in_text);
        for (start, end) in words.in_text(text) {
            let (numbers, form) = words.resolve(text.get(start..end).unwrap_or_default());
            for number in numbers {
                self.in_text(number, text, (start, end), form, spot);
            }
        }
        self.expressions(text, spot);
    }

    /// Adds the matches of expressions over the domains and URLs in a text.
    fn expressions(&mut self, text: &[u8], spot: &Spot) {
        for kind in [Kind::Domain, Kind::Url].into_iter().filter(|kind| self.index.has_expressions(*kind)) {
            let named = if kind == Kind::Domain { domains(text) } else { urls(text) };
            for (range, value) in named {
                let has = Has { values: vec![(kind, value.as_bytes())], ..Has::default() };
                let numbers = self.index.matching(kind, value.as_bytes());
                if !numbers.is_empty() {
                    self.row(&numbers, &has, How::Text, &in_text(spot, text, range));
                }
            }
        }
    }

    /// Adds a match of a value that was found in a text.
    pub(super) fn in_text(&mut self, number: u32, text: &[u8], (start, end): (usize, usize), form: Form, spot: &Spot) {
        let Some(entry) = self.index.entry(number) else { return };
        let Some(ports) = self.index.ports_of(entry) else { return };
        if !ports.is_empty() && !has_ports(text, (start, end), form, &ports) {
            return;
        }
        let spot = in_text(spot, text, start..end);
        self.found(number, entry, How::Text, &spot);
    }

    fn found(&mut self, number: u32, entry: &Entry, how: How, spot: &Spot) {
        let quiet = self.index.quiet(entry);
        let is_deep = matches!(spot.place, "memory" | "log" | "file");
        let silenced_by = quiet.filter(|(_, scope)| match scope {
            Quiet::All => true,
            Quiet::Text => how == How::Text && is_deep,
        });
        let key = (number, spot.source());
        if let Some(&place) = self.seen.get(&key)
            && let Some(one) = self.all.get_mut(place).filter(|one| one.how >= how)
        {
            one.count = one.count.saturating_add(1);
            return;
        }
        let places = self.places.entry(entry.about).or_default();
        *places = places.saturating_add(1);
        // Every value has one match at least: of an indicator of several parts, all of them are wanted.
        let is_first = self.found.insert(number);
        if *places > PLACES && !is_first || self.all.len() >= MATCHES {
            self.more = true;
            return;
        }
        let Some(about) = self.index.about(entry) else { return };
        let until = about.more.as_ref().and_then(|more| more.until);
        let at = self.checkpointed;
        self.seen.insert(key, self.all.len());
        self.all.push(Match {
            kind: entry.kind,
            value: self.index.text_of(entry).into(),
            about: about.clone(),
            how,
            count: 1,
            silenced_by: silenced_by.map(|(name, _)| name.to_owned()),
            is_stale: until.zip(at).is_some_and(|(until, at)| until < at),
            spot: spot.clone(),
            entry: number,
        });
    }

    /// Removes matches of indicators of several parts of which not all were found.
    fn drop_parts(&mut self) {
        let mut found: HashMap<u32, HashSet<u8>> = HashMap::new();
        for one in &self.all {
            if let Some((whole, part, _)) = self.index.entry(one.entry).and_then(|entry| self.index.whole(entry)) {
                found.entry(whole).or_default().insert(part);
            }
        }
        let index = self.index;
        self.all.retain(|one| match index.entry(one.entry).and_then(|entry| index.whole(entry)) {
            Some((whole, _, parts)) => found.get(&whole).is_some_and(|here| here.len() == usize::from(parts)),
            None => true,
        });
    }
}

/// The spot of a part of a text.
fn in_text(spot: &Spot, text: &[u8], range: Range<usize>) -> Spot {
    let offset = |base: u64| base.saturating_add(crate::int::u64_of(range.start));
    Spot {
        offset: spot.offset.map(offset),
        address: spot.address.map(offset),
        length: Some(crate::int::u64_of(range.len())),
        context: masked_around(text, range.start, range.end),
        ..spot.clone()
    }
}

/// Whether the ports of an indicator stand with a value that was found in a text.
fn has_ports(text: &[u8], (start, end): (usize, usize), form: Form, ports: &[u16]) -> bool {
    let after = text.get(end..).unwrap_or_default();
    match form {
        Form::Plain => ports.iter().all(|port| is_port(after, *port)),
        Form::Utf16 => {
            let (pairs, _) = after.as_chunks::<2>();
            let low = pairs.iter().take(8).map(|[low, high]| if *high == 0 { *low } else { 0xff });
            let narrow: Vec<u8> = low.collect();
            ports.iter().all(|port| is_port(&narrow, *port))
        }
        // The port stands before the address.
        Form::SocketAddress => match text.get(start..).unwrap_or_default() {
            [_, _, high, low, ..] => ports.iter().all(|port| *port == u16::from_be_bytes([*high, *low])),
            _ => false,
        },
        // A question to DNS has no port.
        Form::Wire => true,
    }
}

/// Whether a port stands behind an address: `:4444`, `/4444`, ` 4444`, `|4444`.
fn is_port(after: &[u8], port: u16) -> bool {
    let Some((first, rest)) = after.split_first() else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    matches!(first, b':' | b'/' | b' ' | b'|' | b',' | 0)
        && rest.get(..digits).and_then(|digits| digits.to_str().ok()).is_some_and(|digits| digits == port.to_string())
}

/// The text around a match, with only the beginning of secrets. They may begin or end beyond what is shown.
fn masked_around(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    let from = start.saturating_sub(SECRET);
    let wide = text.get(from..end.saturating_add(SECRET).min(text.len())).unwrap_or_default();
    let Cow::Owned(masked) = redacted(wide) else { return around(text, start, end) };
    let inner = text.get(start..end).unwrap_or_default();
    // What is hidden before it moves it.
    match masked.find(inner) {
        Some(at) => around(&masked, at, at.saturating_add(inner.len())),
        None => around(&masked, 0, 0),
    }
}

/// The text around a match, without what is not text.
fn around(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    let side = CONTEXT.saturating_sub(end.saturating_sub(start).min(CONTEXT)) / 2;
    let is_text = |byte: &u8| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t';
    let before = text.get(start.saturating_sub(side)..start).unwrap_or_default();
    let cut = before.iter().rposition(|byte| !is_text(byte)).map_or(0, |at| at.saturating_add(1));
    let after = text.get(end..end.saturating_add(side).min(text.len())).unwrap_or_default();
    let stop = after.iter().position(|byte| !is_text(byte)).unwrap_or(after.len());
    let inner = text.get(start..end.min(start.saturating_add(CONTEXT))).unwrap_or_default();
    [before.get(cut..).unwrap_or_default(), inner, after.get(..stop).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stands_with_its_address_in_every_form() {
        let of =
            |text: &[u8], range, form| (has_ports(text, range, form, &[4444]), has_ports(text, range, form, &[80]));
        assert_eq!(of(b"203.0.113.7:4444", (0, 11), Form::Plain), (true, false));
        let wide: Vec<u8> = "1.2.3.4:4444".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(of(&wide, (0, 14), Form::Utf16), (true, false));
        let socket = b"\x02\0\x11\x5c\xcb\0\x71\x07\0\0\0\0\0\0\0\0";
        assert_eq!(of(socket, (0, 16), Form::SocketAddress), (true, false));
    }

    #[test]
    fn the_context_of_a_match_has_no_secret() {
        let text =
            ["x".repeat(300), " curl https://app:".to_owned(), "k3Jd9xTmWq@evil.example.net/x -n".to_owned()].concat();
        let at = text.find("evil").unwrap();
        let context = masked_around(text.as_bytes(), at, at + 16);
        let context = context.to_str().unwrap();
        assert!(context.contains("evil.example.net/x -n") && !context.contains("k3Jd9"), "{context}");
    }
}
