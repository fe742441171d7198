//! Published examples, schedules of keys, and the limits of a search. Values are made from parts when the test runs, so
//! that this file has no string that a scanner of secrets takes for one.

use data_encoding::BASE64URL_NOPAD;

use super::cases::Maker;
use super::detectors::ALL;
use super::engine::{Engine, plain_engine};

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    Maker::new(seed).text(&format!("«bytes {len}»"))
}

fn jwt(header: &str, payload: &str) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", encode(header), encode(payload), "k3Jd9xTmWq".repeat(4))
}

fn found(bytes: &[u8]) -> Vec<(&'static str, Vec<&'static str>)> {
    let hits = plain_engine().find(bytes);
    hits.into_iter().map(|hit| (Engine::detector(hit.detector).unwrap().id, hit.tags)).collect()
}

#[test]
fn published_examples_are_marked() {
    let stripe = ["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"].concat();
    let examples = [
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        format!("aws_secret_access_key={}{}", "wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        stripe,
        format!("glpat-{}", "x".repeat(20)),
        jwt("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}"),
        format!("https://hooks.slack.com/services/T00000000/B00000000/{}", "X".repeat(24)),
    ];
    for example in examples {
        let found = found(example.as_bytes());
        assert!(found.iter().all(|(_, tags)| tags.contains(&"example")) && !found.is_empty(), "{example}: {found:?}");
    }
}

/// The key schedule of FIPS 197, A.1 and A.3, in both orders of bytes, at every multiple of four.
#[test]
fn key_schedules_are_found_by_their_words() {
    let sbox = super::detectors::substitution();
    let expand = |key: &[u8]| {
        let words = key.len() / 4;
        let mut all: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().unwrap()).collect();
        let mut round = 1_u8;
        for number in words..4 * (words + 7) {
            let mut last = all[number - 1];
            if number % words == 0 {
                last.rotate_left(1);
                last = last.map(|byte| sbox[usize::from(byte)]);
                last[0] ^= round;
                round = round << 1 ^ if round & 0x80 == 0 { 0 } else { 0x1b };
            } else if words == 8 && number % 8 == 4 {
                last = last.map(|byte| sbox[usize::from(byte)]);
            }
            let before = all[number - words];
            all.push(std::array::from_fn(|place| before[place] ^ last[place]));
        }
        all
    };
    // The last word of the schedule of the standard's first example.
    let key = data_encoding::HEXLOWER.decode(b"2b7e151628aed2a6abf7158809cf4f3c").unwrap();
    assert_eq!(expand(&key).last().unwrap(), &[0xb6, 0x63, 0x0c, 0xa6]);
    for (len, seed) in [(16, 1), (24, 2), (32, 3)] {
        let key = bytes(len, seed);
        for (swapped, before) in [false, true].into_iter().flat_map(|swapped| (40..140).map(move |n| (swapped, n * 4)))
        {
            let mut memory = bytes(before, 9);
            for word in expand(&key) {
                let mut word = word;
                if swapped {
                    word.reverse();
                }
                memory.extend(word);
            }
            memory.extend(bytes(4000, 10));
            let mut found = Vec::new();
            plain_engine().raw(&memory, 0..memory.len(), true, &mut |detector, one, _| {
                if ALL[detector].id == "aes-key-schedule" {
                    found.push((one.value.start, one.value.len()));
                }
            });
            assert_eq!(found, [(before, len)], "{len} {swapped}");
            let at = memory.len() - 4050;
            memory[at] ^= 1;
            plain_engine().raw(&memory, 0..memory.len(), true, &mut |detector, _, _| {
                assert!(ALL[detector].id != "aes-key-schedule" || len == 0);
            });
        }
    }
}

/// Memory that is made of marks must not take much longer than other memory.
#[test]
fn memory_that_is_full_of_marks_is_given_up() {
    let many = "-eyJ".repeat(200_000);
    let tired = plain_engine().raw(many.as_bytes(), 0..many.len(), true, &mut |_, _, _| {});
    assert!(tired.0);
}
