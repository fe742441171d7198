//! Decoders of compressed input. Each continues past the end of a member, frame or stream with the next.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

use super::compression::Compression;
use crate::int::u64_of;

/// The decoder of a format.
///
/// # Errors
///
/// If the decoder cannot be set up, for lack of memory.
pub(super) fn decoder<'a>(
    compression: Compression,
    input: impl BufRead + Send + 'a,
) -> Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::Gzip => Box::new(GzipMembers(Some(GzDecoder::new(input)))),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(input)?),
        Compression::Xz => Box::new(XzReader::new(input, true)),
        Compression::Bzip2 => Box::new(Bzip2Streams::new(input)),
    })
}

/// All members of gzip data. The decoder checks the CRC-32 and the length of each. Zeros after a member are not damage: a
/// tar that writes to a pipe, as CRIU's does for tmpfs, fills its last record with them, and `gzip` skips them, too.
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

/// Skips zeros. Returns whether other bytes follow them.
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

/// Streams of bzip2 that are decoded whatever they hold.
const STREAMS: u64 = 1000;
/// Bytes of input, and bytes of output, for each of which one more stream is decoded.
const STREAM_FOR_INPUT: u64 = 4 << 10;
const STREAM_FOR_OUTPUT: u64 = 64 << 10;

/// All streams of bzip2 data. Starting a decoder costs as much as inflating a megabyte, whatever the stream holds. So empty
/// streams are skipped without one, and the number of others is limited by their input and output. Parallel compressors
/// write one stream for each block of 100,000 bytes or more.
struct Bzip2Streams<R> {
    decoder: Option<BzDecoder<Ahead<R>>>,
    streams: u64,
    /// Number of bytes inflated so far.
    inflated: u64,
}

impl<R: BufRead> Bzip2Streams<R> {
    fn new(input: R) -> Self {
        let input = Ahead { held: Vec::new(), from: 0, taken: 0, inner: input };
        Bzip2Streams { decoder: Some(BzDecoder::new(input)), streams: 0, inflated: 0 }
    }

    /// Advances to the next stream that is not empty, if there is one.
    fn next(&mut self) -> Result<()> {
        let Some(mut input) = self.decoder.take().map(BzDecoder::into_inner) else { return Ok(()) };
        while is_empty_stream(input.ahead(EMPTY_STREAM)?) {
            input.consume(EMPTY_STREAM);
        }
        if input.ahead(1)?.is_empty() {
            return Ok(());
        }
        self.streams = self.streams.saturating_add(1);
        let for_input = input.taken.checked_div(STREAM_FOR_INPUT).unwrap_or_default();
        let for_output = self.inflated.checked_div(STREAM_FOR_OUTPUT).unwrap_or_default();
        let most = STREAMS.saturating_add(for_input).saturating_add(for_output);
        if self.streams > most {
            let message = format!("more than {most} nearly empty bzip2 streams; the rest were skipped");
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        self.decoder = Some(BzDecoder::new(input));
        Ok(())
    }
}

impl<R: BufRead> Read for Bzip2Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.streams == 0 {
            self.next()?;
        }
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            self.inflated = self.inflated.saturating_add(u64_of(read));
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.next()?;
        }
        Ok(0)
    }
}

/// Size of a bzip2 stream without a block: header, end mark, checksum.
const EMPTY_STREAM: usize = 14;

fn is_empty_stream(bytes: &[u8]) -> bool {
    matches!(bytes, [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0, 0, 0, 0])
}

/// An input whose next bytes can be looked at before they are read.
struct Ahead<R> {
    held: Vec<u8>,
    from: usize,
    /// Number of bytes read.
    taken: u64,
    inner: R,
}

impl<R: BufRead> Ahead<R> {
    /// The next `len` bytes, or those up to the end.
    fn ahead(&mut self, len: usize) -> Result<&[u8]> {
        self.held.drain(..self.from.min(self.held.len()));
        self.from = 0;
        while self.held.len() < len {
            let here = self.inner.fill_buf()?;
            let part = here.get(..len.saturating_sub(self.held.len())).unwrap_or(here);
            if part.is_empty() {
                break;
            }
            self.held.extend_from_slice(part);
            let read = part.len();
            self.inner.consume(read);
        }
        Ok(self.held.get(..len).unwrap_or(&self.held))
    }
}

impl<R: BufRead> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        match self.held.get(self.from..) {
            Some(held) if !held.is_empty() => Ok(held),
            _ => self.inner.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.taken = self.taken.saturating_add(u64_of(amount));
        let held = self.held.len().saturating_sub(self.from).min(amount);
        self.from = self.from.saturating_add(held);
        self.inner.consume(amount.saturating_sub(held));
    }
}

impl<R: BufRead> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let len = {
            let here = self.fill_buf()?;
            let len = here.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..len), here.get(..len)) {
                to.copy_from_slice(from);
            }
            len
        };
        self.consume(len);
        Ok(len)
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
    fn a_member_of_gzip_with_another_checksum_or_length_is_damaged() {
        let gzip = member(b"text");
        for from_end in 1..=8 {
            let mut damaged = gzip.clone();
            let at = damaged.len() - from_end;
            damaged[at] ^= 1;
            assert_eq!(inflate(&damaged), (b"text".to_vec(), false), "byte {from_end} from the end");
            // Not only in the last one.
            damaged.extend_from_slice(&gzip);
            assert!(!inflate(&damaged).1);
        }
    }

    fn stream(text: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn of_bzip2(data: &[u8]) -> (Vec<u8>, Result<usize>) {
        let mut inflated = Vec::new();
        // A small buffer, so that streams lie in several.
        let input = BufReader::with_capacity(16, data);
        let ended = decoder(Compression::Bzip2, input).unwrap().read_to_end(&mut inflated);
        (inflated, ended)
    }

    #[test]
    fn empty_streams_of_bzip2_cost_nothing() {
        let empty = stream(b"");
        assert_eq!(empty.len(), EMPTY_STREAM);
        let many = empty.repeat(200_000);
        let (inflated, ended) = of_bzip2(&[many.as_slice(), &stream(b"one "), &many, &stream(b"two"), &many].concat());
        assert_eq!((inflated.as_slice(), ended.is_ok()), (&b"one two"[..], true));
        assert_eq!(of_bzip2(&many).1.unwrap(), 0);
        // Cut, or followed by something else, they are damaged as any.
        assert!(of_bzip2(many.split_last().unwrap().1).1.is_err());
        assert!(of_bzip2(&[many.as_slice(), b"else"].concat()).1.is_err());
        assert!(of_bzip2(stream(b"one").split_last().unwrap().1).1.is_err());
    }

    #[test]
    fn streams_of_bzip2_with_next_to_nothing_in_them_are_bounded_and_others_are_not() {
        let (inflated, ended) = of_bzip2(&stream(b"1").repeat(3000));
        assert!((1000..1100).contains(&inflated.len()), "{}", inflated.len());
        let message = ended.unwrap_err().to_string();
        assert!(message.starts_with("more than 10"), "{message}");
        // As programs make them that compress blocks side by side; of zeros nearly nothing is left.
        let block = stream(&vec![0; 100_000]);
        assert_eq!(of_bzip2(&block.repeat(1500)).1.unwrap(), 150_000_000);
    }

    #[test]
    fn anything_else_behind_a_member_of_gzip_is_damage() {
        let one = member(b"one ");
        assert_eq!(inflate(&[one.as_slice(), b"\0\0else"].concat()), (b"one ".to_vec(), false));
        assert_eq!(inflate(one.split_last().unwrap().1), (b"one ".to_vec(), false));
        assert_eq!(inflate(&[0; 100]), (Vec::new(), false));
    }
}
