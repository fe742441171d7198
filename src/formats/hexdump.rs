//! Hex dumps: sixteen bytes per row, with their address and their visible ASCII characters.

/// Bytes per row.
const WIDTH: usize = 16;

/// Appends rows of bytes to a text.
///
/// Rows that equal the row before are replaced by a single `*`, unless `whole` is set. All sixteen bytes are compared,
/// not only their visible characters. `before` holds the preceding bytes, if the rows continue others.
///
/// ```
/// let mut text = Vec::new();
/// cryoscope::formats::hexdump(0x1000, b"GET / HTTP/1.1\r\n", &[], false, &mut text);
/// let row = "0000000000001000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n";
/// assert_eq!(text, row.as_bytes());
/// ```
pub fn hexdump(address: u64, bytes: &[u8], before: &[u8], whole: bool, text: &mut Vec<u8>) {
    let mut last: Option<&[u8]> = before.len().checked_sub(WIDTH).and_then(|from| before.get(from..));
    let one_earlier = before.len().checked_sub(2 * WIDTH).and_then(|from| before.get(from..from + WIDTH));
    let mut squeezed = last.is_some() && last == one_earlier;
    let mut at = address;
    for row in bytes.chunks(WIDTH) {
        if last == Some(row) && !whole {
            if !squeezed {
                text.extend_from_slice(b"*\n");
            }
            squeezed = true;
        } else {
            write_row(at, row, text);
            squeezed = false;
        }
        last = Some(row);
        at = at.wrapping_add(16);
    }
}

/// The two digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        digits[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    digits
};

fn write_row(address: u64, row: &[u8], text: &mut Vec<u8>) {
    // 16 digits, 2 blanks, 16 bytes of 3 columns with a blank in the middle, a blank, and |…|.
    let mut line = [b' '; 87];
    for (place, byte) in address.to_be_bytes().into_iter().enumerate() {
        line[2 * place..2 * place + 2].copy_from_slice(&DIGITS[usize::from(byte)]);
    }
    for (place, &byte) in row.iter().enumerate() {
        let column = 18 + 3 * place + place / 8;
        line[column..column + 2].copy_from_slice(&DIGITS[usize::from(byte)]);
        line[69 + place] = if matches!(byte, 0x20..=0x7e) { byte } else { b'.' };
    }
    line[68] = b'|';
    let end = 69 + row.len();
    line[end] = b'|';
    line[end + 1] = b'\n';
    text.extend_from_slice(&line[..end + 2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(bytes: &[u8], before: &[u8], whole: bool) -> Vec<String> {
        let mut text = Vec::new();
        hexdump(0x10, bytes, before, whole, &mut text);
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_short_row_keeps_its_columns() {
        let rows = dump(b"\x1bA\xff", &[], false);
        assert_eq!(rows, [format!("0000000000000010  1b 41 ff{:42}|.A.|", "")]);
    }

    #[test]
    fn only_equal_rows_are_squeezed() {
        let mut bytes = vec![1; 64];
        assert_eq!(dump(&bytes, &[], false).len(), 2);
        assert_eq!(dump(&bytes, &[], true).len(), 4);
        // Bytes that look alike may differ.
        bytes[20] = 2;
        bytes[40] = 3;
        bytes[60] = 4;
        assert!(dump(&bytes, &[], false).iter().all(|row| row != "*"));
    }

    #[test]
    fn squeezing_goes_on_over_parts() {
        let zeros = [0; 64];
        assert_eq!(dump(&zeros, &zeros[..16], false), ["*"]);
        assert_eq!(dump(&zeros, &zeros[..32], false), [""; 0]);
    }
}
