//! Decoders of compressed input. Each reads on over the end of a member, frame or stream to the next.

use std::io::{BufRead, Read, Result};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

use super::sniff::Compression;

/// The decoder of a format.
///
/// # Errors
///
/// If the decoder cannot be set up, which is a matter of memory.
pub(super) fn decoder<'a>(
    compression: Compression,
    input: impl BufRead + Send + 'a,
) -> Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::Gzip => Box::new(GzipMembers(Some(GzDecoder::new(input)))),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(input)?),
        Compression::Xz => Box::new(XzReader::new(input, true)),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(input)),
    })
}

/// All members of gzip data. Zeros behind a member are no damage: a tar that writes into a pipe, as CRIU's of file systems in
/// memory, fills its last record with them, and `gzip` skips them, too.
struct GzipMembers<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let more = skip_zeros(member.get_mut())?;
            let rest = self.0.take().map(GzDecoder::into_inner);
            self.0 = rest.filter(|_| more).map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Skips zeros, and tells whether anything comes behind them.
fn skip_zeros(input: &mut impl BufRead) -> Result<bool> {
    loop {
        let here = input.fill_buf()?;
        let zeros = here.iter().take_while(|&&byte| byte == 0).count();
        let more = zeros < here.len();
        if more || here.is_empty() {
            input.consume(zeros);
            return Ok(more);
        }
        input.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::write::GzEncoder;

    use super::*;

    fn member(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// What is inflated, and whether that went well to the end.
    fn inflate(gzip: &[u8]) -> (Vec<u8>, bool) {
        let mut inflated = Vec::new();
        // A small buffer, so that zeros are in several.
        let input = BufReader::with_capacity(64, gzip);
        let ended = decoder(Compression::Gzip, input).unwrap().read_to_end(&mut inflated);
        (inflated, ended.is_ok())
    }

    #[test]
    fn zeros_behind_a_member_of_gzip_are_no_damage_and_members_go_on_behind_them() {
        let (one, two) = (member(b"one "), member(b"two"));
        assert_eq!(inflate(&[one.as_slice(), &two].concat()), (b"one two".to_vec(), true));
        assert_eq!(inflate(&[one.as_slice(), &[0; 500]].concat()), (b"one ".to_vec(), true));
        assert_eq!(inflate(&[one.as_slice(), &[0; 500], &two, &[0]].concat()), (b"one two".to_vec(), true));
    }

    #[test]
    fn anything_else_behind_a_member_of_gzip_is_damage() {
        let one = member(b"one ");
        assert_eq!(inflate(&[one.as_slice(), b"\0\0else"].concat()), (b"one ".to_vec(), false));
        assert_eq!(inflate(one.split_last().unwrap().1), (b"one ".to_vec(), false));
        assert_eq!(inflate(&[0; 100]), (Vec::new(), false));
    }
}
