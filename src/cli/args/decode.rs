//! The flags of `cryoscope decode`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Any image as JSON, field by field
#[derive(Debug, Args)]
#[command(
    after_help = "Fields have CRIU's names. Unknown fields are shown by number, wire type and value. Addresses, flags and device \
                        numbers are shown in readable form, unless --plain is given. Payload after a record (queues, contents of \
                        deleted files) is shown as its length or, with --payload, in hexadecimal. crit-json is what `crit decode` prints.\n\n\
                        Example: cryoscope decode checkpoint.tar core-1.img\n\
                        Example: cryoscope decode checkpoint.tar 'tcp-stream-*.img' --payload --format ndjson\n\
                        Example: cryoscope decode checkpoint.tar:checkpoint/files.img --format crit-json"
)]
pub(crate) struct DecodeArgs {
    /// Image, archive, image directory, or `ARCHIVE:MEMBER`; `-` for an archive on standard input
    pub(crate) input: PathBuf,
    /// Members to decode, by path or file name (`*` and `?` are wildcards); after an image, more images
    #[arg(value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// All images of the archive
    #[arg(long, conflicts_with = "members")]
    pub(crate) all: bool,
    /// Print only kind, magic number, version, sizes and record count of each image
    #[arg(long)]
    pub(crate) info: bool,
    /// Show payload after records, and images without records
    #[arg(long)]
    pub(crate) payload: bool,
    /// Show only the length of payload, even in crit-json (`crit show --nopl`)
    #[arg(long, conflicts_with = "payload")]
    pub(crate) no_payload: bool,
    /// Show plain numbers, as crit-json does without --pretty
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print crit-json indented and with readable values (`crit decode --pretty`)
    #[arg(long, conflicts_with = "plain")]
    pub(crate) pretty: bool,
    /// Output format (default: json; a table with --info)
    #[arg(long, value_enum)]
    pub(crate) format: Option<DecodeFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeFormat {
    /// An array of images, each with its records
    Json,
    /// One record per line
    Ndjson,
    /// The output of CRIU's `crit decode`, one image after another
    CritJson,
}
