//! Secret keys of age.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{begins_word, ends_word, part, run};

const CHARS: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

fn is_bech32(byte: u8) -> bool {
    CHARS.contains(&byte)
}

/// Whether the checksum of bech32 is right, for the human part `age-secret-key-`.
fn has_checksum(data: &[u8]) -> bool {
    const HUMAN: &[u8] = b"age-secret-key-";
    let digit = |byte: &u8| CHARS.iter().position(|char| char == byte).and_then(|place| u32::try_from(place).ok());
    let Some(digits) = data.iter().map(digit).collect::<Option<Vec<u32>>>() else { return false };
    let high = HUMAN.iter().map(|byte| u32::from(byte >> 5));
    let low = HUMAN.iter().map(|byte| u32::from(byte & 31));
    let sum = high.chain([0]).chain(low).chain(digits).fold(1_u32, |sum, value| {
        const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ value;
        (0_u32..)
            .zip(STEPS)
            .fold(next, |next, (bit, step)| if top.wrapping_shr(bit) & 1 == 1 { next ^ step } else { next })
    });
    sum == 1
}

/// An identity: whoever has it decrypts everything that was encrypted for it.
pub(super) static SECRET_KEY: Detector = Detector {
    id: "age-secret-key",
    title: "age secret key",
    provider: None,
    action: "Make a new identity, and encrypt again for it whatever must stay secret.",
    style: Style::Token,
    marks: &[Mark::text("AGE-SECRET-KEY-1")],
    wrapped: true,
    find: |bytes, place, out| {
        let start = place.saturating_add(16);
        let end = run(bytes, start, is_bech32, 58);
        let is_whole = end.saturating_sub(start) == 58 && begins_word(bytes, place) && ends_word(bytes, end);
        if is_whole && has_checksum(part(bytes, start..end)) {
            out.push(Match::of(place..end).public(16));
        }
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_bech32() {
        // The identity of the specification's example, in two parts.
        let data = ["GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZ", "GFPYYSJZGFPYYSJZGFPQ4EGAEX"].concat();
        assert!(has_checksum(data.as_bytes()));
        assert!(!has_checksum(data.replace("Q4E", "QQE").as_bytes()));
    }
}
