//! How often bytes follow each other in memory, roughly. Whatever is wrong here costs time and nothing else.

/// Kinds of bytes that memory is full of: words, names with numbers, and what is no text. Bytes in a row are of one kind.
const KINDS: [fn(u8) -> u32; 3] = [words, names, binary];

/// How often a byte is in words, of ten thousand.
fn words(byte: u8) -> u32 {
    match byte {
        b' ' => 1500,
        b'e' => 1000,
        b'a' | b't' => 750,
        b'i' | b'n' | b'o' | b'r' | b's' => 600,
        b'd' | b'h' | b'l' | b'u' => 350,
        // Signs between the parts of names, too.
        b'c' | b'g' | b'm' | b'p' | b'-' | b'_' => 250,
        b'a'..=b'z' => 120,
        b'.' | b',' | b'/' | b'\n' => 80,
        b'A'..=b'Z' | b':' | b'"' | b'=' => 20,
        b'!'..=b'~' => 5,
        _ => 0,
    }
}

/// The same of names, numbers, paths.
fn names(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => 350,
        b'-' | b'_' | b'/' | b'.' | b':' => 300,
        b'a'..=b'f' => 260,
        b'i' | b'l' | b'n' | b'o' | b'p' | b'r' | b's' | b't' => 180,
        b'a'..=b'z' | b'A'..=b'Z' => 60,
        b' '..=b'~' => 15,
        _ => 0,
    }
}

/// The same of what is no text.
fn binary(byte: u8) -> u32 {
    match byte {
        0 => 4000,
        1..=8 | u8::MAX => 150,
        // The upper bytes of addresses.
        0x7f => 300,
        b'U' | b'V' => 100,
        _ => 18,
    }
}

/// How often some bytes follow each other.
pub(super) fn of(bytes: &[u8]) -> f64 {
    let each = |frequency: &fn(u8) -> u32| -> f64 {
        bytes.iter().map(|byte| f64::from(frequency(*byte)) / 10_000.0).product()
    };
    KINDS.iter().map(each).sum()
}

/// How often there are bytes of which lower and upper halves are known, ready to be added up: for each kind and each upper
/// half, for the lower halves below eight and for the others, by a bit for each.
#[derive(Debug)]
pub(super) struct Rates(Vec<OfKind>);

type OfKind = Vec<[[f64; 256]; 2]>;

impl Rates {
    pub(super) fn new() -> Self {
        let of_half = |frequency: fn(u8) -> u32, first: u8| {
            let mut sums = [0.0; 256];
            // The sum without the lowest of the bytes is known.
            for taken in 1..256_usize {
                let low = u8::try_from(taken.trailing_zeros()).unwrap_or_default();
                let others = sums.get(taken & taken.wrapping_sub(1)).copied().unwrap_or_default();
                if let Some(sum) = sums.get_mut(taken) {
                    *sum = others + f64::from(frequency(first | low)) / 10_000.0;
                }
            }
            sums
        };
        let of_kind = |frequency: fn(u8) -> u32| {
            (0..16_u8).map(|high| [of_half(frequency, high << 4), of_half(frequency, high << 4 | 8)]).collect()
        };
        Rates(KINDS.into_iter().map(of_kind).collect())
    }

    /// How often bytes in a row each have one of some lower and one of some upper halves, a bit for each.
    pub(super) fn of(&self, low: &[u16], high: &[u16]) -> f64 {
        self.0.iter().map(|of_kind| product(of_kind, low, high)).sum()
    }
}

/// How often bytes in a row are such in one kind of memory.
fn product(of_kind: &OfKind, low: &[u16], high: &[u16]) -> f64 {
    let mut all = 1.0;
    for (low, high) in low.iter().zip(high) {
        let [first, last] = low.to_le_bytes().map(usize::from);
        let (mut sum, mut left) = (0.0, *high);
        // Few of the upper halves are taken.
        while left != 0 {
            let number = usize::try_from(left.trailing_zeros()).unwrap_or_default();
            left &= left.wrapping_sub(1);
            if let Some([below, above]) = of_kind.get(number) {
                sum += below.get(first).copied().unwrap_or_default() + above.get(last).copied().unwrap_or_default();
            }
        }
        all *= sum;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_sums_of_frequencies() {
        let rates = Rates::new();
        let (low, high) = ([0x0021, 0x8000, 0x0100], [0x00c0, 0x00ff, 0x0002]);
        let takes = |byte: u8, at: usize| low[at] >> (byte & 15) & 1 == 1 && high[at] >> (byte >> 4) & 1 == 1;
        let sum: f64 = (0..=255_u8)
            .filter(|a| takes(*a, 0))
            .flat_map(|a| (0..=255_u8).filter(|b| takes(*b, 1)).map(move |b| [a, b]))
            .flat_map(|[a, b]| (0..=255_u8).filter(|c| takes(*c, 2)).map(move |c| of(&[a, b, c])))
            .sum();
        assert!((rates.of(&low, &high) - sum).abs() < 1e-12, "{sum}");
    }
}
