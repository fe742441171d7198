//! Table `evidence`.

use bstr::BString;
use data_encoding::HEXLOWER;

use super::super::{Evidence, Fact, Finding};
use crate::model::ids::{Address, Pid};
use crate::tables::{Detail, Object, table};

table! {
    "evidence", key(finding, position), brief(rule, position, kind, pid, address, member, member_offset, bytes, note);
    /// What proves the findings: rows, bytes and values that another tool can go to and see the same. `finding` joins
    /// `findings.id`.
    pub struct EvidenceRow {
        /// The finding.
        pub finding: String,
        /// Id of the rule.
        #[to(ecs("rule.id"))]
        pub rule: &'static str,
        /// Key of the thing that the finding is about.
        pub subject: BString,
        /// Position among the pieces of evidence of the finding, from 0.
        pub position: u64,
        /// `row`, `bytes` or `json`.
        pub kind: &'static str,
        /// The table of the row.
        pub table_name: Option<&'static str>,
        /// The key columns of the row, with their values.
        pub row_key: Option<Object>,
        /// The columns that the rule used, with their values.
        pub columns: Option<Object>,
        /// Member of the archive that has the bytes.
        pub member: Option<BString>,
        /// Offset of the bytes in the inflated member, in bytes.
        pub member_offset: Option<u64>,
        /// Offset of the bytes in the inflated tar, in bytes: `dd` and `xxd` find them there. Null in a directory.
        pub archive_offset: Option<u64>,
        /// The process that the bytes belong to.
        pub pid: Option<Pid>,
        /// Address of the bytes.
        pub address: Option<Address>,
        /// Number of bytes that the evidence is about.
        pub length: Option<u64>,
        /// The first of the bytes, in hexadecimal, 64 at most.
        pub bytes: Option<String>,
        /// Text: the line of a file, a decoded command, a listing of instructions.
        pub text: Option<BString>,
        /// SHA-256 of the whole region or file.
        pub sha256: Option<String>,
        /// Pointer into a JSON document.
        pub json_pointer: Option<String>,
        /// What it shows.
        pub note: Option<String>,
    }
}

/// The row of a piece of evidence.
pub(super) fn row(finding: &Finding, position: u64, evidence: &Evidence) -> EvidenceRow {
    EvidenceRow {
        finding: finding.id(),
        rule: finding.rule.id,
        subject: finding.subject.text(),
        position,
        kind: evidence.kind,
        table_name: evidence.table,
        row_key: object(&evidence.key),
        columns: object(&evidence.columns),
        member: evidence.member.clone(),
        member_offset: evidence.member_offset,
        archive_offset: evidence.archive_offset,
        pid: evidence.pid,
        address: evidence.address.map(Address),
        length: evidence.length,
        bytes: (!evidence.bytes.is_empty()).then(|| HEXLOWER.encode(&evidence.bytes)),
        text: evidence.text.clone(),
        sha256: evidence.sha256.clone(),
        json_pointer: evidence.json_pointer.clone(),
        note: evidence.note.clone(),
    }
}

pub(super) fn object(facts: &[(&'static str, Fact)]) -> Option<Object> {
    let detail = |fact: &Fact| match fact {
        Fact::Number(number) => Detail::Integer(*number),
        Fact::Text(text) => Detail::Bytes(text.to_vec()),
        Fact::Address(address) => Detail::Text(format!("{address:#x}").into()),
    };
    (!facts.is_empty()).then(|| Object(facts.iter().map(|(name, fact)| (*name, detail(fact))).collect()))
}
