//! All indicators of all lists, compiled: values by their hash, networks by their prefix, expressions as one per kind.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use bstr::ByteSlice;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};

use super::similar::{NEAR, Similar, distance};
use super::value::{Kind, Value, is_below, masked, network, number, url_key};
use super::warninglists::{Scope, Silencer};
use crate::int::{u64_of, usize_of};

/// Most indicators of all lists together.
pub(in crate::analysis) const MOST: usize = 4_000_000;
/// Most expressions of all lists together.
const EXPRESSIONS_MOST: usize = 20_000;
/// Bytes that expressions which are compared in one go may compile to, all of them, and one.
const EXPRESSIONS: usize = 64 << 20;
const EXPRESSIONS_ALL: usize = 512 << 20;
const EXPRESSION: usize = 1 << 20;
/// Times that a list may have the same value.
const SAME: u8 = 8;
/// Alternatives of one indicator.
const ALTERNATIVES: usize = 1024;

/// What one indicator says besides its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Number of its list.
    pub list: u32,
    /// Its line, for lists of lines.
    pub line: Option<u32>,
    /// What structured lists say of it.
    pub more: Option<Box<More>>,
}

/// What structured lists say of an indicator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct More {
    /// Its id: that of STIX, or the UUID of a MISP attribute.
    pub id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Labels, tags, types.
    pub labels: Vec<String>,
    /// Who made it.
    pub author: Option<String>,
    /// How sure or how bad it is, in the words of the list.
    pub level: Option<String>,
    /// Whether the list takes it for a grave one.
    pub is_grave: bool,
    /// When it ceases to hold.
    pub until: Option<jiff::Timestamp>,
    /// What of it could not be used and does not matter for a match.
    pub note: Option<&'static str>,
}

/// A condition of an indicator.
#[derive(Clone, Debug)]
pub(in crate::analysis) enum Test {
    /// This value.
    Is(Value),
    /// A value of this kind that matches an expression.
    Matches(Kind, String),
}

/// Conditions that must hold of one row, for each of several rows.
pub(in crate::analysis) type Parts = Vec<Vec<Test>>;

/// A condition that is checked once a row was found.
#[derive(Debug)]
enum Further {
    Is(Value),
    Matches(Kind, Regex),
}

/// One value of an indicator.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Entry {
    pub(in crate::analysis) kind: Kind,
    pub(super) is_expression: bool,
    /// Where the text is.
    at: u32,
    len: u32,
    /// Where in the text the key is.
    key: u16,
    key_len: u32,
    /// The port that belongs to it, or 0.
    pub(in crate::analysis) port: u16,
    pub(in crate::analysis) about: u32,
    /// Further conditions of the same row: a number from 1, or 0.
    further: u32,
    /// The whole that it is a part of: a number from 1, or 0.
    whole: u32,
    part: u8,
    /// The next one with the same place in the table: a number from 1, or 0.
    next: u32,
    /// The list that silences it: a number from 1, or 0.
    quiet: u16,
}

/// The index.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Index {
    text: Vec<u8>,
    pub(in crate::analysis) entries: Vec<Entry>,
    pub(in crate::analysis) abouts: Vec<About>,
    further: Vec<Vec<Further>>,
    /// Number of parts of each whole.
    wholes: Vec<u8>,
    heads: Vec<u32>,
    networks: BTreeMap<(bool, u8), HashMap<u128, Vec<u32>>>,
    /// Expressions by kind, each with the numbers of its entries.
    expressions: HashMap<Kind, Vec<(Regex, Vec<u32>)>>,
    /// Expressions that are not compared, as there are too many.
    pub(super) not_compiled: u64,
    ports: HashMap<u16, Vec<u32>>,
    /// Names of the lists that silence, with their scope.
    quiet: Vec<(String, Scope)>,
    /// Hashes whose near ones count.
    similar: Similar,
    kinds: [u64; 17],
}

/// The values that a row has.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Has<'r> {
    pub(in crate::analysis) values: Vec<(Kind, &'r [u8])>,
    pub(in crate::analysis) address: Option<IpAddr>,
    pub(in crate::analysis) ports: Vec<u16>,
}

/// Collects indicators.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Builder {
    index: Index,
    expressions: BTreeMap<Kind, Vec<(String, u32)>>,
    expression_count: usize,
    /// Values that stand alone, by the hash of list and value: an entry, and how many there are.
    alone: HashMap<u64, (u32, u8)>,
    hasher: RandomState,
}

impl Builder {
    /// What was added says besides its values.
    pub(in crate::analysis) fn abouts(&self) -> &[About] {
        &self.index.abouts
    }

    pub(in crate::analysis) fn abouts_mut(&mut self) -> &mut [About] {
        &mut self.index.abouts
    }

    /// Adds an indicator, which holds if all parts of one of the alternatives hold. Says why some alternatives cannot be used;
    /// the others are.
    pub(in crate::analysis) fn add(&mut self, about: About, alternatives: &[Parts]) -> Result<(), Vec<String>> {
        if self.index.entries.len() >= MOST {
            return Err(vec![format!("there are more than {MOST} indicators; the rest is not used")]);
        }
        let number =
            u32::try_from(self.index.abouts.len()).map_err(|_| vec!["there are too many indicators".to_owned()])?;
        let before = self.index.entries.len();
        let mut wrong: Vec<String> = Vec::new();
        for parts in alternatives.iter().take(ALTERNATIVES) {
            let added = match parts.as_slice() {
                [part] if matches!(part.as_slice(), [Test::Is(value)] if !self.is_wanted(about.list, value)) => {
                    Err(format!("the list has the same value more than {SAME} times"))
                }
                _ => self.alternative(number, parts),
            };
            if let Err(why) = added
                && !wrong.contains(&why)
            {
                wrong.push(why);
            }
        }
        // What was added has the number of what comes next.
        if self.index.entries.len() > before {
            self.index.abouts.push(about);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Whether a value that stands alone is wanted again: what a list says of it may differ, but thousands of the same are
    /// one.
    fn is_wanted(&mut self, list: u32, value: &Value) -> bool {
        let key = self.hasher.hash_one((list, value));
        let next = u32::try_from(self.index.entries.len()).unwrap_or(u32::MAX);
        let &mut (number, ref mut count) = self.alone.entry(key).or_insert((next, 0));
        let is_same = self.index.entry(number).is_none_or(|entry| {
            entry.kind == value.kind
                && entry.port == value.port.unwrap_or(0)
                && self.index.text_of(entry) == value.text.as_bytes()
        });
        if !is_same {
            return true;
        }
        *count = count.saturating_add(1);
        *count <= SAME
    }

    fn alternative(&mut self, about: u32, parts: &Parts) -> Result<(), String> {
        // All expressions must compile before anything is added.
        let mut ready = Vec::new();
        for part in parts {
            let first = part.iter().enumerate().min_by_key(|(_, test)| match test {
                Test::Is(value) => (0, value.kind.rank()),
                Test::Matches(kind, _) => (1, kind.rank()),
            });
            let Some((place, first)) = first else { continue };
            can_hold(first, part)?;
            let others = part.iter().enumerate().filter(|(other, _)| *other != place);
            let further: Vec<Further> = others.map(|(_, test)| Further::new(test)).collect::<Result<_, _>>()?;
            if let Test::Matches(_, source) = first {
                expression(source)?;
            }
            let expressions = part.iter().filter(|test| matches!(test, Test::Matches(..))).count();
            self.expression_count = self.expression_count.saturating_add(expressions);
            if expressions > 0 && self.expression_count > EXPRESSIONS_MOST {
                return Err(format!("there are more than {EXPRESSIONS_MOST} expressions; the rest is not used"));
            }
            ready.push((first, further));
        }
        let whole = if ready.len() > 1 {
            self.index.wholes.push(u8::try_from(ready.len()).map_err(|_| "it has too many parts".to_owned())?);
            u32::try_from(self.index.wholes.len()).unwrap_or(0)
        } else {
            0
        };
        for (part, (first, further)) in (0_u8..).zip(ready) {
            let further = if further.is_empty() {
                0
            } else {
                self.index.further.push(further);
                u32::try_from(self.index.further.len()).unwrap_or(0)
            };
            self.entry(about, first, further, (whole, part))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        about: u32,
        test: &Test,
        further: u32,
        (whole, number_of_part): (u32, u8),
    ) -> Result<(), String> {
        let full = || "the lists are larger than 4 GiB together; the rest is not used".to_owned();
        let (kind, shown, port) = match test {
            Test::Is(value) => (value.kind, value.text.as_str(), value.port.unwrap_or(0)),
            Test::Matches(kind, source) => (*kind, source.as_str(), 0),
        };
        let key = match test {
            Test::Is(value) => value.key(),
            Test::Matches(..) => shown,
        };
        let offset = shown.find(key).unwrap_or(0);
        let number = u32::try_from(self.index.entries.len()).map_err(|_| full())?;
        let entry = Entry {
            kind,
            is_expression: matches!(test, Test::Matches(..)),
            at: u32::try_from(self.index.text.len()).map_err(|_| full())?,
            len: u32::try_from(shown.len()).map_err(|_| full())?,
            key: u16::try_from(offset).unwrap_or(0),
            key_len: u32::try_from(key.len()).map_err(|_| full())?,
            port,
            about,
            further,
            whole,
            part: number_of_part,
            next: 0,
            quiet: 0,
        };
        self.index.text.extend_from_slice(shown.as_bytes());
        match test {
            Test::Matches(kind, source) => {
                self.expressions.entry(*kind).or_default().push((source.clone(), number));
            }
            Test::Is(value) if value.kind == Kind::Network => {
                if let Some((address, prefix)) = network(&value.text) {
                    let networks = self.index.networks.entry((address.is_ipv6(), prefix)).or_default();
                    networks.entry(masked(address, prefix)).or_default().push(number);
                }
            }
            Test::Is(value) if value.kind == Kind::Port => {
                self.index.ports.entry(port).or_default().push(number);
            }
            Test::Is(value) if value.kind == Kind::Tlsh => self.index.similar.add(&value.text, number),
            Test::Is(_) => {}
        }
        if let Some(count) = self.index.kinds.get_mut(place_of(kind)) {
            *count = count.saturating_add(1);
        }
        self.index.entries.push(entry);
        Ok(())
    }

    /// Compiles everything. `silencer` says which values are too general.
    pub(in crate::analysis) fn finish(mut self, silencer: &Silencer) -> Index {
        let index = &mut self.index;
        let size = index.entries.len().saturating_mul(2).next_power_of_two().max(64);
        index.heads = vec![0; size];
        index.quiet = silencer.names();
        for number in 0..index.entries.len() {
            let Some(entry) = index.entries.get(number) else { break };
            let (kind, is_expression) = (entry.kind, entry.is_expression);
            let (text, key) = (index.text_of(entry), index.key_of(entry));
            let quiet = if is_expression { None } else { silencer.silences(kind, text.to_str().unwrap_or_default()) };
            let head = usize_of(hash(key) & u64_of(size.saturating_sub(1)));
            let is_looked_up = !is_expression && !matches!(kind, Kind::Network | Kind::Port);
            let before = index.heads.get(head).copied().unwrap_or(0);
            if let Some(entry) = index.entries.get_mut(number) {
                entry.quiet = quiet.and_then(|list| u16::try_from(list.saturating_add(1)).ok()).unwrap_or(0);
                if is_looked_up {
                    entry.next = before;
                }
            }
            if let Some(slot) = index.heads.get_mut(head).filter(|_| is_looked_up) {
                *slot = u32::try_from(number.saturating_add(1)).unwrap_or(0);
            }
        }
        let mut left = EXPRESSIONS_ALL;
        for (kind, sources) in self.expressions {
            let compiled = compiled(&sources, EXPRESSIONS, &mut left);
            let count: usize = compiled.iter().map(|(_, numbers)| numbers.len()).sum();
            index.not_compiled = index.not_compiled.saturating_add(u64_of(sources.len().saturating_sub(count)));
            index.expressions.insert(kind, compiled);
        }
        self.index
    }
}

fn place_of(kind: Kind) -> usize {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or(0)
}

fn bytes_syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true)
}

/// Compiles expressions into as few as the limit on one allows, while there are bytes left.
fn compiled(sources: &[(String, u32)], most: usize, left: &mut usize) -> Vec<(Regex, Vec<u32>)> {
    let mut done = Vec::new();
    let mut parts = vec![sources];
    while let Some(part) = parts.pop().filter(|_| *left > 0) {
        let config = Config::new().match_kind(MatchKind::All).nfa_size_limit(Some(most)).utf8_empty(false);
        let all: Vec<&str> = part.iter().map(|(source, _)| source.as_str()).collect();
        if let Ok(regex) = Regex::builder().syntax(bytes_syntax()).configure(config).build_many(&all) {
            *left = left.saturating_sub(regex.memory_usage());
            done.push((regex, part.iter().map(|(_, number)| *number).collect()));
        } else if let Some((one, other)) = part.split_at_checked(part.len() / 2).filter(|(one, _)| !one.is_empty()) {
            parts.extend([other, one]);
        }
    }
    done
}

/// The values that rows have together.
const ROWS: [&[Kind]; 4] = [
    // A connection: the other end.
    &[Kind::Address, Kind::Network, Kind::Port],
    &[Kind::Socket, Kind::Path],
    &[Kind::Process, Kind::Name, Kind::Path, Kind::Directory, Kind::Command],
    &[Kind::Path, Kind::Name, Kind::Directory, Kind::Md5, Kind::Sha1, Kind::Sha256, Kind::Tlsh],
];

/// Says why a row cannot have all that is wanted of it. By the first, it is found.
fn can_hold(first: &Test, row: &[Test]) -> Result<(), String> {
    let kind_of = |test: &Test| match test {
        Test::Is(value) => value.kind,
        Test::Matches(kind, _) => *kind,
    };
    let no_expression =
        |test: &&Test| matches!(test, Test::Matches(Kind::Port | Kind::Tlsh | Kind::Network | Kind::Text, _));
    if let Some(test) = row.iter().find(no_expression) {
        return Err(format!("expressions over a {} are not compared", kind_of(test).as_str()));
    }
    // Of these, a row has one.
    let is_single = |kind: Kind| {
        kind.is_hash()
            || matches!(kind, Kind::Address | Kind::Port | Kind::Domain | Kind::Url | Kind::Path | Kind::Command)
    };
    for (at, test) in row.iter().enumerate() {
        let Test::Is(value) = test else { continue };
        let differs =
            |other: &Test| matches!(other, Test::Is(other) if other.kind == value.kind && other.text != value.text);
        if is_single(value.kind) && row.iter().skip(at).any(differs) {
            return Err(format!(
                "it wants two different values of the kind {} in one row; of a connection, only the other end is compared",
                value.kind.as_str()
            ));
        }
    }
    let is_row = ROWS.iter().any(|kinds| row.iter().all(|test| kinds.contains(&kind_of(test))));
    // In text, what is found may have a port behind it.
    let others_are_ports = || row.iter().all(|test| std::ptr::eq(test, first) || kind_of(test) == Kind::Port);
    let is_expression = |test: &Test| matches!(test, Test::Matches(kind, _) if *kind == kind_of(first));
    let is_text = match first {
        Test::Is(_) => others_are_ports(),
        Test::Matches(..) => row.iter().all(is_expression),
    };
    if is_row || is_text {
        return Ok(());
    }
    let mut names: Vec<&str> = row.iter().map(|test| kind_of(test).as_str()).collect();
    names.sort_unstable();
    names.dedup();
    Err(format!("no row has all of these together: {}", names.join(", ")))
}

/// Compiles one expression. Its size is bounded, and it is never slower than its length times that of the text.
fn expression(source: &str) -> Result<Regex, String> {
    let config = Config::new().nfa_size_limit(Some(EXPRESSION)).utf8_empty(false);
    Regex::builder().syntax(bytes_syntax()).configure(config).build(source).map_err(|error| {
        match error.syntax_error() {
            Some(error) => {
                let text = error.to_string();
                format!(
                    "not a regular expression: {}",
                    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
                )
            }
            None => "the regular expression is too large".to_owned(),
        }
    })
}

impl Further {
    fn new(test: &Test) -> Result<Self, String> {
        Ok(match test {
            Test::Is(value) => Further::Is(value.clone()),
            Test::Matches(kind, source) => Further::Matches(*kind, expression(source)?),
        })
    }

    fn holds(&self, has: &Has<'_>) -> bool {
        match self {
            Further::Matches(kind, regex) => has.values.iter().any(|(other, value)| {
                // Of a path, the directory is what it is in.
                let value = if *kind == Kind::Directory && *other == Kind::Path { parent(value) } else { value };
                is_alike(*kind, *other) && regex.is_match(value)
            }),
            Further::Is(value) => {
                let is_there = match value.kind {
                    Kind::Port => true,
                    Kind::Address => has.address.is_some_and(|address| address.to_string() == value.text),
                    Kind::Network => network(&value.text).is_some_and(|(of, prefix)| {
                        has.address.is_some_and(|address| {
                            address.is_ipv6() == of.is_ipv6() && masked(address, prefix) == masked(of, prefix)
                        })
                    }),
                    kind => has.values.iter().any(|(other, here)| is_alike(kind, *other) && is_value(value, here)),
                };
                is_there && value.port.is_none_or(|port| has.ports.contains(&port))
            }
        }
    }
}

/// The directory that a path is in.
pub(in crate::analysis) fn parent(path: &[u8]) -> &[u8] {
    path.get(..path.rfind_byte(b'/').unwrap_or(0)).unwrap_or_default()
}

/// Whether a value of a row may be what an indicator of a kind means.
fn is_alike(wanted: Kind, here: Kind) -> bool {
    wanted == here
        || matches!(
            (wanted, here),
            (Kind::Name, Kind::Process)
                | (Kind::Process, Kind::Name)
                | (Kind::Directory, Kind::Path)
                | (Kind::Text, Kind::Command)
        )
}

fn is_value(value: &Value, here: &[u8]) -> bool {
    let wanted = value.text.as_bytes();
    match value.kind {
        Kind::Directory => here.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")),
        Kind::Url => url_key(&value.text).as_bytes() == here || wanted == here,
        Kind::Domain => is_below(here, wanted),
        Kind::Tlsh => here.to_str().ok().and_then(|here| distance(&value.text, here)).is_some_and(|far| far <= NEAR),
        kind if kind.is_any_case() => wanted.eq_ignore_ascii_case(here),
        Kind::Text => here.contains_str(wanted),
        _ => wanted == here,
    }
}

/// The hash of a key, whose letters count in either case. It is made from the end, so that the hashes of all ends of a
/// word are made in one go.
pub(in crate::analysis) fn hash(key: &[u8]) -> u64 {
    finished(key.iter().rev().fold(START, |state, &byte| step(state, byte)))
}

pub(in crate::analysis) const START: u64 = 0xcbf2_9ce4_8422_2325;

pub(in crate::analysis) fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
}

pub(in crate::analysis) fn finished(state: u64) -> u64 {
    let state = (state ^ (state >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^ (state >> 29)
}

impl Index {
    pub(in crate::analysis) fn text_of(&self, entry: &Entry) -> &[u8] {
        let at = usize_of(entry.at.into());
        self.text.get(at..at.saturating_add(usize_of(entry.len.into()))).unwrap_or_default()
    }

    pub(in crate::analysis) fn key_of(&self, entry: &Entry) -> &[u8] {
        let at = usize_of(entry.at.into()).saturating_add(entry.key.into());
        self.text.get(at..at.saturating_add(usize_of(entry.key_len.into()))).unwrap_or_default()
    }

    pub(in crate::analysis) fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(usize_of(number.into()))
    }

    pub(in crate::analysis) fn about(&self, entry: &Entry) -> Option<&About> {
        self.abouts.get(usize_of(entry.about.into()))
    }

    /// Number of values of a kind.
    pub(in crate::analysis) fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(place_of(kind)).copied().unwrap_or(0)
    }

    pub(in crate::analysis) fn has_hashes(&self) -> bool {
        [Kind::Md5, Kind::Sha1, Kind::Sha256].into_iter().any(|kind| self.has(kind))
    }

    /// The hashes whose near ones count.
    pub(in crate::analysis) fn similar(&self) -> &Similar {
        &self.similar
    }

    /// Whether there are values of a kind.
    pub(in crate::analysis) fn has(&self, kind: Kind) -> bool {
        self.count(kind) > 0
    }

    pub(in crate::analysis) fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }

    /// The list that silences an entry, with its scope.
    pub(in crate::analysis) fn quiet(&self, entry: &Entry) -> Option<(&str, Scope)> {
        let place = usize_of(entry.quiet.into()).checked_sub(1)?;
        self.quiet.get(place).map(|(name, scope)| (name.as_str(), *scope))
    }

    /// The entries with this key.
    pub(in crate::analysis) fn with_key<'k>(&'k self, key: &'k [u8]) -> impl Iterator<Item = (u32, &'k Entry)> {
        self.hashed(hash(key), key)
    }

    /// The same, with the hash at hand.
    pub(in crate::analysis) fn hashed<'k>(
        &'k self,
        hash: u64,
        key: &'k [u8],
    ) -> impl Iterator<Item = (u32, &'k Entry)> {
        let head = usize_of(hash & u64_of(self.heads.len().saturating_sub(1)));
        let mut next = self.heads.get(head).copied().unwrap_or(0);
        std::iter::from_fn(move || {
            while let Some(number) = next.checked_sub(1) {
                let entry = self.entry(number)?;
                next = entry.next;
                let own = self.key_of(entry);
                let is_same = match entry.kind {
                    kind if kind.is_any_case() => own.eq_ignore_ascii_case(key),
                    _ => own == key,
                };
                if is_same {
                    return Some((number, entry));
                }
            }
            None
        })
    }

    /// The entries of a kind with this key.
    pub(in crate::analysis) fn of_kind<'k>(
        &'k self,
        kind: Kind,
        key: &'k [u8],
    ) -> impl Iterator<Item = (u32, &'k Entry)> {
        self.with_key(key).filter(move |(_, entry)| entry.kind == kind)
    }

    /// The addresses and networks that an address is or is in.
    pub(in crate::analysis) fn of_address(&self, address: IpAddr) -> Vec<u32> {
        let text = address.to_string();
        let mut all: Vec<u32> = self.of_kind(Kind::Address, text.as_bytes()).map(|(number, _)| number).collect();
        all.extend(self.networks_of(address));
        all
    }

    /// The networks that an address is in.
    pub(in crate::analysis) fn networks_of(&self, address: IpAddr) -> Vec<u32> {
        let (is_v6, _) = number(address);
        let of = self.networks.iter().filter(|((v6, _), _)| *v6 == is_v6);
        of.filter_map(|((_, prefix), all)| all.get(&masked(address, *prefix))).flatten().copied().collect()
    }

    /// The entries of ports alone.
    pub(in crate::analysis) fn of_port(&self, port: u16) -> &[u32] {
        self.ports.get(&port).map_or(&[], Vec::as_slice)
    }

    /// The expressions of a kind that match a value.
    pub(in crate::analysis) fn matching(&self, kind: Kind, value: &[u8]) -> Vec<u32> {
        let value = value.get(..value.len().min(VALUE_MOST)).unwrap_or(value);
        let mut all = Vec::new();
        for (regex, numbers) in self.expressions.get(&kind).into_iter().flatten() {
            let mut set = PatternSet::new(regex.pattern_len());
            regex.which_overlapping_matches(&Input::new(value), &mut set);
            all.extend(set.iter().filter_map(|pattern| numbers.get(pattern.as_usize()).copied()));
        }
        all
    }

    pub(in crate::analysis) fn has_expressions(&self, kind: Kind) -> bool {
        self.expressions.contains_key(&kind)
    }

    /// Whether the further conditions of an entry hold.
    pub(in crate::analysis) fn holds(&self, entry: &Entry, has: &Has<'_>) -> bool {
        let is_port = entry.port == 0 || entry.kind == Kind::Port || has.ports.contains(&entry.port);
        is_port && self.further_of(entry).iter().all(|test| test.holds(has))
    }

    /// Whether the further conditions are only about ports: then text can tell.
    pub(in crate::analysis) fn ports_of(&self, entry: &Entry) -> Option<Vec<u16>> {
        let port = (entry.port != 0 && entry.kind != Kind::Port).then_some(entry.port);
        let further = self.further_of(entry).iter().map(|test| match test {
            Further::Is(value) if value.kind == Kind::Port => value.port,
            _ => None,
        });
        port.into_iter().map(Some).chain(further).collect()
    }

    fn further_of(&self, entry: &Entry) -> &[Further] {
        let place = usize_of(entry.further.into()).checked_sub(1);
        place.and_then(|place| self.further.get(place)).map_or(&[], Vec::as_slice)
    }

    /// The whole that an entry is a part of, with the number of the part and how many there are.
    pub(in crate::analysis) fn whole(&self, entry: &Entry) -> Option<(u32, u8, u8)> {
        let place = usize_of(entry.whole.into()).checked_sub(1)?;
        Some((entry.whole, entry.part, *self.wholes.get(place)?))
    }

    /// Whether an entry stands for what is found in memory: it is no expression, and no list silences it.
    pub(in crate::analysis) fn is_in_memory(entry: &Entry) -> bool {
        let is_wordy = !matches!(entry.kind, Kind::Port | Kind::Directory | Kind::Network);
        let is_long = match entry.kind {
            Kind::Name | Kind::Process | Kind::Socket | Kind::Text | Kind::Command => entry.key_len >= 5,
            _ => true,
        };
        is_wordy && is_long && !entry.is_expression && entry.quiet == 0
    }

    /// Bytes of memory that it takes.
    pub(in crate::analysis) fn bytes(&self) -> u64 {
        let of = |count: usize, each: usize| u64_of(count).saturating_mul(u64_of(each));
        of(self.text.capacity(), 1)
            .saturating_add(of(self.entries.capacity(), size_of::<Entry>()))
            .saturating_add(of(self.abouts.capacity(), size_of::<About>()))
            .saturating_add(of(self.heads.capacity(), 4))
    }

    /// Number of values that a list silences, by list.
    pub(in crate::analysis) fn silenced(&self) -> BTreeMap<&str, u64> {
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, _) in self.entries.iter().filter_map(|entry| self.quiet(entry)) {
            let count = all.entry(name).or_default();
            *count = count.saturating_add(1);
        }
        all
    }
}

/// Bytes of a value that an expression looks at.
const VALUE_MOST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: Kind, text: &str) -> Vec<Parts> {
        vec![vec![vec![Test::Is(Value::new(kind, text).unwrap())]]]
    }

    fn built(all: &[(Kind, &str)]) -> Index {
        let mut builder = Builder::default();
        for (kind, text) in all {
            builder.add(About::default(), &one(*kind, text)).unwrap();
        }
        builder.finish(&Silencer::default())
    }

    #[test]
    fn values_are_found_by_kind_and_case() {
        let index = built(&[
            (Kind::Domain, "Evil.com"),
            (Kind::Name, "Xmrig"),
            (Kind::Address, "203.0.113.7"),
            (Kind::Network, "203.0.113.0/24"),
            (Kind::Network, "2001:db8::/32"),
        ]);
        assert_eq!(index.with_key(b"EVIL.COM").count(), 1);
        assert_eq!((index.with_key(b"xmrig").count(), index.with_key(b"Xmrig").count()), (0, 1));
        assert_eq!(index.of_address("203.0.113.7".parse().unwrap()), [2, 3]);
        assert_eq!(index.of_address("2001:db8:1::".parse().unwrap()), [4]);
        assert!(index.of_address("198.51.100.1".parse().unwrap()).is_empty());
    }

    #[test]
    fn all_conditions_of_a_row_must_hold() {
        let hash = Value::new(Kind::Md5, "d41d8cd98f00b204e9800998ecf8427f").unwrap();
        let name = Value::new(Kind::Name, "run.sh").unwrap();
        let mut builder = Builder::default();
        builder.add(About::default(), &[vec![vec![Test::Is(name), Test::Is(hash)]]]).unwrap();
        let index = builder.finish(&Silencer::default());
        let entry = &index.entries[0];
        assert_eq!(entry.kind, Kind::Md5, "the hash tells most");
        let has = |name: &'static [u8]| Has { values: vec![(Kind::Name, name)], ..Has::default() };
        assert!(index.holds(entry, &has(b"run.sh")) && !index.holds(entry, &has(b"other")));
    }

    #[test]
    fn expressions_are_one_and_bad_ones_say_so() {
        let mut builder = Builder::default();
        for source in ["^curl .*evil", "wget"] {
            builder.add(About::default(), &[vec![vec![Test::Matches(Kind::Command, source.to_owned())]]]).unwrap();
        }
        let bad = |source: &str| vec![vec![vec![Test::Matches(Kind::Command, source.to_owned())]]];
        assert!(builder.add(About::default(), &bad("(")).unwrap_err()[0].contains("not a regular expression"));
        assert!(
            builder.add(About::default(), &bad("(((a{100}){100}){100}){100}")).unwrap_err()[0].contains("too large")
        );
        let index = builder.finish(&Silencer::default());
        assert_eq!(index.matching(Kind::Command, b"curl http://evil"), [0]);
        assert_eq!(index.matching(Kind::Command, b"wget curl"), [1]);
    }

    fn is(kind: Kind, text: &str) -> Test {
        Test::Is(Value::new(kind, text).unwrap())
    }

    fn like(kind: Kind, source: &str) -> Test {
        Test::Matches(kind, source.to_owned())
    }

    #[test]
    fn a_wrong_alternative_does_not_take_the_others_along() {
        let mut builder = Builder::default();
        let title = |title: &str| About {
            more: Some(Box::new(More { title: Some(title.to_owned()), ..More::default() })),
            ..About::default()
        };
        let wrong = builder.add(
            title("one"),
            &[
                vec![vec![is(Kind::Domain, "a.net")]],
                vec![vec![like(Kind::Command, "(")]],
                vec![vec![is(Kind::Domain, "b.net")]],
            ],
        );
        assert_eq!(wrong.unwrap_err().len(), 1);
        assert!(builder.add(title("bad"), &[vec![vec![like(Kind::Command, "(")]]]).is_err());
        builder.add(title("two"), &one(Kind::Domain, "c.net")).unwrap();
        let index = builder.finish(&Silencer::default());
        let said: Vec<(&[u8], &str)> = index
            .entries
            .iter()
            .map(|entry| {
                (index.text_of(entry), index.about(entry).unwrap().more.as_ref().unwrap().title.as_deref().unwrap())
            })
            .collect();
        assert_eq!(said, [(&b"a.net"[..], "one"), (b"b.net", "one"), (b"c.net", "two")]);
    }

    #[test]
    fn the_same_value_many_times_is_a_few() {
        let mut builder = Builder::default();
        let added: Vec<bool> =
            (0..20).map(|_| builder.add(About::default(), &one(Kind::Domain, "a.net")).is_ok()).collect();
        assert_eq!(added.iter().filter(|is_added| **is_added).count(), usize::from(SAME));
        let of_other_list = About { list: 1, ..About::default() };
        builder.add(of_other_list, &one(Kind::Domain, "a.net")).unwrap();
        builder.add(About::default(), &one(Kind::Domain, "b.net")).unwrap();
        assert_eq!(builder.finish(&Silencer::default()).entries.len(), usize::from(SAME) + 2);
    }

    #[test]
    fn what_no_row_can_have_is_refused() {
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        for (row, why) in [
            (vec![is(Kind::Domain, "a.net"), is(Kind::Md5, hash)], "no row has all of these together: domain, md5"),
            (
                vec![is(Kind::Address, "203.0.113.7"), is(Kind::Address, "203.0.113.8")],
                "only the other end is compared",
            ),
            (vec![is(Kind::Port, "1"), is(Kind::Port, "2")], "only the other end is compared"),
            (vec![is(Kind::Address, "203.0.113.7"), is(Kind::Name, "x.so")], "address, name"),
            (vec![like(Kind::Port, "^44")], "expressions over a port are not compared"),
            (vec![like(Kind::Tlsh, "^T1")], "expressions over a tlsh are not compared"),
        ] {
            let error = Builder::default().add(About::default(), &[vec![row]]).unwrap_err();
            assert!(error[0].contains(why), "{error:?}");
        }
        for row in [
            vec![is(Kind::Domain, "a.net"), is(Kind::Port, "443")],
            vec![like(Kind::Domain, "^a"), like(Kind::Domain, "net$")],
            vec![is(Kind::Address, "203.0.113.7"), is(Kind::Network, "203.0.113.0/24"), is(Kind::Port, "443")],
            vec![is(Kind::Md5, hash), like(Kind::Name, "x"), is(Kind::Directory, "/tmp")],
            vec![like(Kind::Command, "x"), is(Kind::Process, "sh"), is(Kind::Path, "/bin/sh")],
        ] {
            Builder::default().add(About::default(), &[vec![row]]).unwrap();
        }
    }

    #[test]
    fn expressions_that_are_too_large_together_are_compared_in_parts() {
        let sources: Vec<(String, u32)> = (0..9).map(|number| (format!("^x{number}[a-z]{{50}}$"), number)).collect();
        let alone = [(sources[0].0.clone(), 0)];
        let (mut all, mut left) = (Vec::new(), usize::MAX);
        let size =
            (1..1 << 16).map(|size| size << 8).find(|&size| !compiled(&alone, size, &mut left).is_empty()).unwrap();
        for (_, numbers) in compiled(&sources, size * 2, &mut left) {
            all.extend(numbers);
        }
        assert_eq!(all, (0..9).collect::<Vec<u32>>());
        assert!(compiled(&sources, size * 2, &mut left).len() > 1);
        assert!(compiled(&sources, size * 2, &mut 1).len() == 1, "what is behind the limit is left out");
    }
}
