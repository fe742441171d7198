//! Table `ioc_matches`.

use bstr::BString;

use super::super::ioc::{Match, Matches};
use super::super::{Evidence, Fact, Facts, plan};
use super::evidence::object;
use crate::Checkpoint;
use crate::model::ids::{Address, Pid};
use crate::tables::{Object, table};

table! {
    "ioc_matches", key(position), brief(how, kind, indicator, place, pid, count, context);
    /// The indicators of `--ioc` that were found, contacts first: one row for each indicator and place. Empty without
    /// `--ioc`.
    pub struct IocMatch {
        /// Position among the matches, from 0.
        pub position: u64,
        /// `contact`: the thing itself is here, such as a socket, a tracked connection, a file or a program. `text`: only
        /// text says its name.
        pub how: &'static str,
        /// `md5`, `sha1`, `sha256`, `address`, `network`, `domain`, `url`, `path`, `directory`, `name`, `process`,
        /// `command`, `socket`, `port`, `ssh_key` or `text`.
        pub kind: &'static str,
        /// The indicator. For a pattern of STIX with LIKE or MATCHES, the regular expression.
        pub indicator: BString,
        /// Where it was found: `socket`, `tracked connection`, `process`, `command line`, `environment`, `open file`,
        /// `mapped file`, `working directory`, `file`, `image in memory`, `unix socket`, `queue`, `log`,
        /// `shell history` or `memory`.
        pub place: &'static str,
        /// Process id. Null if it is not about a process.
        pub pid: Option<Pid>,
        /// Number of times that it is there.
        pub count: u64,
        /// What is around it, at most 200 bytes.
        pub context: Option<BString>,
        /// `outbound`, `inbound` or `listening`, for connections.
        pub direction: Option<&'static str>,
        /// Protocol of the connection.
        pub protocol: Option<String>,
        /// The other end of the connection.
        pub remote_address: Option<String>,
        /// Its port.
        pub remote_port: Option<u32>,
        /// Path of the program or file.
        pub path: Option<BString>,
        /// The table with the row that matches.
        pub table_name: Option<&'static str>,
        /// The key columns of that row, with their values.
        pub row_key: Option<Object>,
        /// Member of the archive with the bytes.
        pub member: Option<BString>,
        /// Offset of the bytes in the member.
        pub member_offset: Option<u64>,
        /// Address of the bytes in the memory of the process.
        pub address: Option<Address>,
        /// SHA-256 of the file.
        pub sha256: Option<String>,
        /// The list that it is in.
        pub list: Option<String>,
        /// Its line in the list.
        pub line: Option<u32>,
        /// Its id in the list: that of STIX, or the UUID of a MISP attribute.
        pub list_id: Option<String>,
        /// Its title.
        pub title: Option<String>,
        /// Its description.
        pub description: Option<String>,
        /// Its labels, tags and types.
        pub labels: Vec<BString>,
        /// Who made it.
        pub author: Option<String>,
        /// How sure or how bad it is, in the words of its list.
        pub level: Option<String>,
        /// The list that says that it is too general. Rules pass over such matches.
        pub silenced_by: Option<String>,
        /// Whether it had ceased to hold before the checkpoint.
        pub stale: bool,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = IocMatch> {
    let facts = plan::facts(checkpoint);
    let matches = Matches::of(&facts);
    let rows: Vec<IocMatch> =
        (0_u64..).zip(&matches.all).map(|(position, found)| row(&facts, &matches, position, found)).collect();
    rows.into_iter()
}

fn row(facts: &Facts<'_>, matches: &Matches, position: u64, found: &Match) -> IocMatch {
    let evidence: Evidence = found.evidence(facts);
    let more = found.about.more.as_deref().cloned().unwrap_or_default();
    let column = |name: &str| match evidence.column(name) {
        Some(Fact::Text(text)) => Some(text.to_string()),
        _ => None,
    };
    let port = match evidence.column("remote_port") {
        Some(Fact::Number(port)) => u32::try_from(*port).ok(),
        _ => None,
    };
    IocMatch {
        position,
        how: found.how.as_str(),
        kind: found.kind.as_str(),
        indicator: found.value.clone(),
        place: found.place(),
        pid: found.pid(),
        count: found.count,
        context: evidence.text.clone(),
        direction: found.direction(),
        protocol: column("protocol"),
        remote_address: column("remote_address"),
        remote_port: port,
        path: found.path().cloned(),
        table_name: evidence.table,
        row_key: object(&evidence.key),
        member: evidence.member.clone(),
        member_offset: evidence.member_offset,
        address: evidence.address.map(Address),
        sha256: evidence.sha256.clone(),
        list: matches.list(found).map(|list| list.file.display().to_string()),
        line: found.about.line,
        list_id: more.id,
        title: more.title,
        description: more.description,
        labels: more.labels.iter().map(|label| label.as_str().into()).collect(),
        author: more.author,
        level: more.level,
        silenced_by: found.silenced_by.clone(),
        stale: found.is_stale,
    }
}
