//! Two lists: what must be found, and what looks like it and must not. Each text of the first is also looked at in other
//! surroundings: between bytes that are no text, at the end of a page, in UTF-16, in base64, cut into two searches.

mod make;

use std::collections::{BTreeMap, BTreeSet};

use super::detectors::ALL;
use super::engine::{Engine, Hit, owned, plain_engine};
pub(super) use make::Maker;

const POSITIVES: &str = include_str!("positives.txt");
const NEAR_MISSES: &str = include_str!("near-misses.txt");

/// A text that has secrets.
struct Positive {
    line: usize,
    /// The detectors that find them; the first must.
    ids: Vec<&'static str>,
    text: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// The lines of a list: their number, what stands before the first ` | `, and the text.
fn lines(list: &'static str) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let wanted = |line: &&str| !line.is_empty() && !line.starts_with('#');
    (1..).zip(list.lines()).filter(move |(_, line)| wanted(line)).map(|(number, line)| {
        let (head, text) = line.split_once(" | ").unwrap_or_else(|| panic!("line {number}: no ` | `"));
        (number, head, text)
    })
}

fn positives() -> Vec<Positive> {
    let made = lines(POSITIVES).map(|(line, head, text)| {
        let mut maker = Maker::new(line as u64);
        let text = maker.text(text);
        Positive { line, ids: head.split(" + ").collect(), text, value: maker.value }
    });
    made.collect()
}

fn id(hit: &Hit) -> &'static str {
    Engine::detector(hit.detector).map_or("", |detector| detector.id)
}

fn is_wrapped(name: &str) -> bool {
    ALL.iter().any(|detector| detector.id == name && detector.wrapped)
}

/// Whether a text has a mark of a detector that is long enough to be looked for in base64.
fn has_long_mark(name: &str, text: &[u8]) -> bool {
    use bstr::ByteSlice;
    let of = ALL.iter().filter(|detector| detector.id == name);
    let exact = of.flat_map(|detector| detector.marks).filter_map(|mark| match mark {
        super::detector::Mark::Exact(bytes) if bytes.len() >= 4 => Some(*bytes),
        _ => None,
    });
    exact.into_iter().any(|mark| text.contains_str(mark))
}

fn wide(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [*byte, 0]).collect()
}

/// Collects what is wrong, and says it at the end.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn check(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        if !is_right {
            self.0.push(what());
        }
    }

    fn done(self) {
        assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string().chars().take(240).collect()
}

#[test]
fn every_detector_has_four_positives() {
    let mut counts: BTreeMap<&str, usize> = ALL.iter().map(|one| (one.id, 0)).collect();
    for one in positives() {
        *counts.get_mut(one.ids[0]).unwrap_or_else(|| panic!("line {}: {}", one.line, one.ids[0])) += 1;
    }
    // It has no text; the tests of its file make schedules.
    let _ = counts.remove("aes-key-schedule");
    let few: Vec<_> = counts.into_iter().filter(|(_, count)| *count < 4).collect();
    assert!(few.is_empty(), "{few:?}");
}

#[test]
fn positives_are_found_and_by_no_other_detector() {
    let mut wrong = Wrong::default();
    for one in positives() {
        let hits = plain_engine().find(&one.text);
        let found: BTreeSet<&str> = hits.iter().map(id).collect();
        let wanted: BTreeSet<&str> = one.ids.iter().copied().collect();
        wrong.check(found == wanted, || format!("line {}: {found:?} in {}", one.line, shown(&one.text)));
        let value = one.value.as_ref();
        let is_value = value.is_none_or(|value| hits.iter().any(|hit| id(hit) == one.ids[0] && hit.value == *value));
        wrong.check(found != wanted || is_value, || {
            let values: Vec<String> = hits.iter().map(|hit| shown(&hit.value)).collect();
            format!("line {}: the value is another: {values:?} in {}", one.line, shown(&one.text))
        });
        let shows = hits.iter().any(|hit| hit.tags.contains(&"example"));
        wrong.check(!shows, || format!("line {}: taken for an example: {}", one.line, shown(&one.text)));
    }
    wrong.done();
}

/// Of a variable or an argument, all is the value, whatever signs it has, and words may be passwords.
#[test]
fn settings_are_values_to_their_end() {
    let of = |text: &str| {
        let hits = plain_engine().find_in_setting(text.as_bytes());
        hits.into_iter().map(|hit| String::from_utf8(hit.value).unwrap()).collect::<Vec<_>>()
    };
    for (name, value) in [
        ("DB_PASSWORD", "k3Jd9xTm$Wq7Zr8p"),
        ("--password", "aB3$kd9(Wq7z"),
        ("DB_PASSWORD", "Tr0ub4dor &3 xyz"),
        ("--env=DB_PASSWORD", "p,w;k3Jd9x>y"),
        ("SECRET_KEY", "PvqjZRpuBX"),
        ("DB_PASSWORD", "Sommer!Regen"),
        ("DB_PASSWORD", "ProductionDatabase"),
        ("API_TOKENS", "k3Jd9..xTmB2"),
        ("DB_PASSWORD", "hunter2"),
        ("DB_PASSWORD", "s3cr3t"),
        ("DB_PASSWORD", "correct horse battery staple"),
    ] {
        assert_eq!(of(&format!("{name}={value}")), [value], "{name}");
    }
    for text in [
        "DB_PASSWORD=${OTHER}",
        "DB_PASSWORD=<password>",
        "DB_PASSWORD=changeme",
        "DB_PASSWORD_FILE=/run/secrets/k3Jd9x",
        "DB_PASSWORD=/run/secrets/k3Jd9x",
        "PASSWORD_LENGTH=k3Jd9xTm",
        "MAX_TOKENS=k3Jd9xTm1",
        "TOKEN=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    ] {
        assert_eq!(of(text), [""; 0], "{text}");
    }
    assert_eq!(of("URL=postgres://app:k3Jd9xTmWq@db"), ["k3Jd9xTmWq"]);
}

/// Bytes that are no text, and no word.
fn noise(seed: u64) -> Vec<u8> {
    let mut noise = Maker::new(seed).text("\\0\\0«bytes 61»");
    noise.push(0xff);
    noise
}

#[test]
fn positives_are_found_in_other_surroundings() {
    let mut wrong = Wrong::default();
    for one in positives() {
        let name = one.ids[0];
        let mut look = |what: &str, text: &[u8]| {
            let hits = plain_engine().find(text);
            // An object that says only at its end what it is.
            let is_right = |hit: &Hit| id(hit) == name || name == "gcp-service-account" && id(hit) == "private-key";
            wrong.check(hits.iter().any(is_right), || {
                format!(
                    "line {}: {name} {what}: {:?} in {}",
                    one.line,
                    hits.iter().map(id).collect::<Vec<_>>(),
                    shown(text)
                )
            });
        };
        let seed = one.line as u64;
        look("between other bytes", &[noise(seed), one.text.clone(), vec![0xff], noise(seed + 1)].concat());
        look("at the end of a page", &[vec![0; 4096_usize.saturating_sub(one.text.len())], one.text.clone()].concat());
        look("behind a line", &[b"first\n".as_slice(), &one.text, b"\nlast"].concat());
        if !is_wrapped(name) || !one.text.is_ascii() || one.text.contains(&0) {
            continue;
        }
        look("in UTF-16", &[vec![0; 6], wide(&one.text), vec![0; 6]].concat());
        // The text around a mark in base64 is looked at for a few kibibytes.
        if one.text.len() < 3000 && has_long_mark(name, &one.text) {
            for before in ["", "x", "xy"] {
                let text = [before.as_bytes(), b"\n", &one.text, b" "].concat();
                look("in base64", data_encoding::BASE64.encode(&text).as_bytes());
            }
        }
    }
    wrong.done();
}

/// What is found in memory is read again later, with few bytes around it. It must be the same then.
#[test]
fn positives_are_found_again_by_their_span() {
    const AROUND: usize = 64;
    let mut wrong = Wrong::default();
    for one in positives() {
        let text = [noise(3), noise(4), vec![0; 8], one.text.clone(), vec![0; 8], noise(5), noise(6)].concat();
        let mut spans = BTreeSet::new();
        let _ = plain_engine().raw(&text, 0..text.len(), true, &mut |_, found, _| {
            let _ = spans.insert((found.span.start, std::cmp::Reverse(found.span.end)));
        });
        let mut hits = Vec::new();
        let mut last = None;
        for (start, end) in spans {
            // The longest of those that begin at one place.
            if last.replace(start) == Some(start) {
                continue;
            }
            let from = start.saturating_sub(AROUND);
            let part = &text[from..(end.0 + AROUND).min(text.len())];
            let here = start - from;
            let _ = plain_engine().raw(part, here..here + 1, true, &mut |detector, found, coding| {
                for hit in Engine::hit(part, detector, found, coding) {
                    let place = hit.place.start + from..hit.place.end + from;
                    hits.push(Hit { place, span: start..end.0, ..hit });
                }
            });
        }
        let again: BTreeSet<(&str, Vec<u8>)> = owned(hits).iter().map(|hit| (id(hit), hit.value.clone())).collect();
        let first = plain_engine().find(&text);
        let first: BTreeSet<(&str, Vec<u8>)> = first.iter().map(|hit| (id(hit), hit.value.clone())).collect();
        wrong.check(first == again, || {
            let names = |set: &BTreeSet<(&'static str, Vec<u8>)>| set.iter().map(|one| one.0).collect::<Vec<_>>();
            format!("line {}: {:?}, then {:?} in {}", one.line, names(&first), names(&again), shown(&one.text))
        });
    }
    wrong.done();
}

/// A search looks at memory in parts. What lies across the border of two is found once.
#[test]
fn positives_across_two_parts_are_found_once() {
    let mut wrong = Wrong::default();
    for one in positives().into_iter().filter(|one| one.text.len() < 400) {
        let mut whole = BTreeMap::new();
        let _ = plain_engine().raw(&one.text, 0..one.text.len(), true, &mut |detector, found, _| {
            *whole.entry((detector, found.value.start)).or_insert(0) += 1;
        });
        for cut in [one.text.len() / 3, one.text.len() / 2, one.text.len() * 2 / 3] {
            let mut parts = BTreeMap::new();
            for span in [0..cut, cut..one.text.len()] {
                let _ = plain_engine().raw(&one.text, span, true, &mut |detector, found, _| {
                    *parts.entry((detector, found.value.start)).or_insert(0) += 1;
                });
            }
            wrong.check(parts == whole, || format!("line {}: cut at {cut}: {}", one.line, shown(&one.text)));
        }
    }
    wrong.done();
}

#[test]
fn near_misses_stay_silent() {
    let mut wrong = Wrong::default();
    for (line, why, text) in lines(NEAR_MISSES) {
        let text = Maker::new(line as u64 + 10_000).text(text);
        let forms = [text.clone(), [noise(7), text.clone(), vec![0xff], noise(8)].concat(), wide(&text)];
        for form in forms {
            let hits = plain_engine().find(&form);
            let hits: Vec<String> = hits
                .iter()
                .filter(|hit| !hit.tags.contains(&"example"))
                .map(|hit| format!("{} `{}`", id(hit), shown(&hit.value)))
                .collect();
            wrong.check(hits.is_empty(), || format!("line {line}: {why}: {hits:?} in {}", shown(&form)));
        }
    }
    wrong.done();
}
