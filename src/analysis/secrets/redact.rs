//! Removes secrets from text that is not about secrets: command lines, sentences, lines of files.

use std::borrow::Cow;
use std::ops::Range;

use bstr::ByteSlice;

use super::arguments;
use super::engine::{Engine, Hit, plain_engine, style};
use super::mask::masked;

/// Shortest text that is looked at: nothing shorter than this is found.
const SHORTEST: usize = 7;

/// Text with the secrets in it replaced by what is shown of them. Words of it are read as the arguments of a program, if it
/// has flags.
pub fn redacted(text: &[u8]) -> Cow<'_, [u8]> {
    if text.len() < SHORTEST {
        return Cow::Borrowed(text);
    }
    let mut hits = plain_engine().find(text);
    if text.contains_str(" -") {
        let words = || text.split(u8::is_ascii_whitespace);
        let starts = words().scan(0_usize, |next, word| {
            let start = *next;
            *next = start.saturating_add(word.len()).saturating_add(1);
            Some(start)
        });
        let starts: Vec<usize> = starts.collect();
        let words: Vec<&[u8]> = words().collect();
        let in_words = of_arguments(&words).into_iter();
        hits.extend(in_words.filter_map(|(number, hit)| {
            let start = *starts.get(number)?;
            let place = start.saturating_add(hit.place.start)..start.saturating_add(hit.place.end);
            Some(Hit { place, ..hit })
        }));
    }
    replaced(text, hits)
}

/// The same for arguments, which are read together: a flag says what the next one is.
pub fn redacted_arguments<T: AsRef<[u8]>>(argv: &[T]) -> Vec<Cow<'_, [u8]>> {
    let mut hits: Vec<Vec<Hit>> = argv.iter().map(|argument| plain_engine().find(argument.as_ref())).collect();
    for (number, hit) in of_arguments(argv) {
        if let Some(hits) = hits.get_mut(number) {
            hits.push(hit);
        }
    }
    let shown = argv.iter().zip(hits).map(|(argument, hits)| match replaced(argument.as_ref(), hits) {
        // The script of a shell is a command line itself.
        Cow::Borrowed(text) => redacted(text),
        Cow::Owned(text) => Cow::Owned(redacted(&text).into_owned()),
    });
    shown.collect()
}

/// The secrets in arguments, each with the number of its argument and its place there.
fn of_arguments<T: AsRef<[u8]>>(argv: &[T]) -> Vec<(usize, Hit)> {
    let mut all = Vec::new();
    for text in arguments::texts(b"", argv).into_iter().filter(|text| text.own > 0 || text.is_setting) {
        let engine = plain_engine();
        let hits = if text.is_setting { engine.find_in_setting(&text.bytes) } else { engine.find(&text.bytes) };
        let to = |place: usize| place.checked_sub(text.own).map(|place| place.saturating_add(text.from));
        all.extend(hits.into_iter().filter_map(|hit| {
            let place = to(hit.place.start)?..to(hit.place.end)?;
            Some((text.argument, Hit { place, ..hit }))
        }));
    }
    all
}

/// Text without the secrets that were found in it. Where several are in one place, the longest goes.
fn replaced(text: &[u8], mut hits: Vec<Hit>) -> Cow<'_, [u8]> {
    hits.retain(|hit| !hit.tags.contains(&"example"));
    hits.sort_by_key(|hit| (hit.place.start, std::cmp::Reverse(hit.place.end), hit.detector));
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut result = Vec::with_capacity(text.len());
    let mut done = 0;
    for hit in &hits {
        let Range { start, end } = hit.place;
        if start < done {
            // A longer one that begins within another one must not show its end.
            done = done.max(end);
            continue;
        }
        result.extend_from_slice(text.get(done..start).unwrap_or_default());
        let id = Engine::detector(hit.detector).map_or("", |detector| detector.id);
        // What stands around a password in a URL stays.
        let shown = if id == "url-password" {
            "…".to_owned()
        } else {
            masked(id, style(hit.detector), &hit.value, hit.public, hit.principal.as_deref())
        };
        result.extend_from_slice(shown.as_bytes());
        done = end;
    }
    result.extend_from_slice(text.get(done..).unwrap_or_default());
    Cow::Owned(result)
}

/// The same as [`redacted`] for our own text.
pub(crate) fn redacted_text(text: &mut String) {
    if let Cow::Owned(bytes) = redacted(text.as_bytes()) {
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let text = ["curl postgres://app:", "k3Jd9xTmWq@db/x -n"].concat();
        assert_eq!(redacted(text.as_bytes()).as_ref(), "curl postgres://app:…@db/x -n".as_bytes());
        assert!(matches!(redacted(b"nginx -g daemon off;"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_flag_says_what_the_next_argument_is() {
        let shown = |argv: &[&str]| {
            redacted_arguments(argv).iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["app", "--token", "k3Jd9xTmWqZr8pLk2x"]), ["app", "--token", "…"]);
        assert_eq!(shown(&["mysqldump", "-pk3Jd9xTmWq", "shop"]), ["mysqldump", "-p…", "shop"]);
        assert_eq!(shown(&["sh", "-c", "mysqldump -pk3Jd9xTmWq shop"]), ["sh", "-c", "mysqldump -p… shop"]);
        assert_eq!(shown(&["curl", "-su", "ada:k3Jd9xTmWq"]), ["curl", "-su", "ada:…"]);
        assert_eq!(shown(&["env", "DB_PASSWORD=k3Jd9xTm$Wq 7Zr8p"]), ["env", "DB_PASSWORD=…"]);
        assert_eq!(shown(&["nginx", "-g", "daemon off;"]), ["nginx", "-g", "daemon off;"]);
    }

    #[test]
    fn command_lines_are_read_as_arguments() {
        let shown = |text: &str| String::from_utf8_lossy(&redacted(text.as_bytes())).into_owned();
        assert_eq!(shown("mysqldump -pk3Jd9xTmWq shop"), "mysqldump -p… shop");
        assert_eq!(shown("app --token k3Jd9xTmWqZr8pLk2x -v"), "app --token … -v");
        assert_eq!(shown("It ran `curl -u ada:k3Jd9xTmWq x`."), "It ran `curl -u ada:… x`.");
    }
}
