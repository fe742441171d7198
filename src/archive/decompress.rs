//! Decoders of compressed input. Each reads on over the end of a member, frame or stream to the next.

use std::io::{BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
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
) -> std::io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(input)?),
        Compression::Xz => Box::new(XzReader::new(input, true)),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(input)),
    })
}
