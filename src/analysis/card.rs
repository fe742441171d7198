//! The card of a rule: everything that is known about it before it looks at a checkpoint.

use super::Facts;
use super::hits::{Pattern, Region};
use super::report::Report;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A fact worth a line, without judgement.
    Info,
    /// A weakness or an oddity.
    Low,
    /// Suspicious, with a plausible innocent cause.
    Medium,
    /// A strong sign of compromise, or a direct way to the host.
    High,
    /// An attacker is or was active here. No ordinary software does this.
    Critical,
}

impl Severity {
    /// All, from the mildest.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// `info`, `low`, `medium`, `high` or `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The one with a name.
    pub fn find(name: &str) -> Option<Self> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// The next worse one.
    #[must_use]
    pub fn raised(self) -> Severity {
        match self {
            Severity::Info => Severity::Low,
            Severity::Low => Severity::Medium,
            Severity::Medium => Severity::High,
            Severity::High | Severity::Critical => Severity::Critical,
        }
    }

    /// The next milder one.
    #[must_use]
    pub fn lowered(self) -> Severity {
        match self {
            Severity::Info | Severity::Low => Severity::Info,
            Severity::Medium => Severity::Low,
            Severity::High => Severity::Medium,
            Severity::Critical => Severity::High,
        }
    }
}

/// How sure the reading of the facts is. It does not say how bad they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The facts allow another reading.
    Low,
    /// The usual reading of these facts.
    Medium,
    /// The facts have no other reading.
    High,
}

impl Confidence {
    /// `low`, `medium` or `high`.
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// How well a rule is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Maturity {
    /// New or likely to be noisy. Runs only on request.
    Experimental,
    /// Runs, and may still change its meaning.
    Incubating,
    /// Measured on benign and planted cases.
    Stable,
}

impl Maturity {
    /// `experimental`, `incubating` or `stable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Maturity::Experimental => "experimental",
            Maturity::Incubating => "incubating",
            Maturity::Stable => "stable",
        }
    }
}

/// The kind of facts that a rule rests on. Families are independent of each other: two that agree on one process make a
/// finding worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Contents and layout of memory, `MEM`.
    Memory,
    /// Processes, their identity and ancestry, `PROC`.
    Process,
    /// Sockets and traffic, `NET`.
    Network,
    /// How the container is confined, `CTR`.
    Isolation,
    /// Changed, deleted and hidden files, `FS`.
    Files,
    /// Means to come back, `PERS`.
    Persistence,
    /// Passwords, keys and tokens, `SEC`.
    Secrets,
    /// Indicators that the user brought, `IOC`.
    Indicators,
    /// YARA rules, `YARA`.
    Yara,
    /// Sigma rules that the user brought, `SIGMA`.
    Sigma,
    /// The quality of the archive itself, `EVD`.
    Evidence,
}

impl Family {
    /// All, in the order in which they are documented.
    pub const ALL: [Family; 11] = [
        Family::Memory,
        Family::Process,
        Family::Network,
        Family::Isolation,
        Family::Files,
        Family::Persistence,
        Family::Secrets,
        Family::Indicators,
        Family::Yara,
        Family::Sigma,
        Family::Evidence,
    ];

    /// The prefix of the ids of its rules: `MEM`, `PROC`, ….
    pub fn prefix(self) -> &'static str {
        match self {
            Family::Memory => "MEM",
            Family::Process => "PROC",
            Family::Network => "NET",
            Family::Isolation => "CTR",
            Family::Files => "FS",
            Family::Persistence => "PERS",
            Family::Secrets => "SEC",
            Family::Indicators => "IOC",
            Family::Yara => "YARA",
            Family::Sigma => "SIGMA",
            Family::Evidence => "EVD",
        }
    }

    /// A heading.
    pub fn title(self) -> &'static str {
        match self {
            Family::Memory => "Memory and execution",
            Family::Process => "Processes",
            Family::Network => "Network",
            Family::Isolation => "Isolation of the container",
            Family::Files => "Files",
            Family::Persistence => "Persistence",
            Family::Secrets => "Secrets",
            Family::Indicators => "Indicators",
            Family::Yara => "YARA rules",
            Family::Sigma => "Sigma rules",
            Family::Evidence => "Quality of the evidence",
        }
    }

    /// What its rules usually rest on.
    const fn basis(self) -> Basis {
        match self {
            Family::Memory => Basis::Memory,
            Family::Process => Basis::Process,
            Family::Network => Basis::Connection,
            Family::Files | Family::Persistence => Basis::Files,
            Family::Isolation
            | Family::Secrets
            | Family::Indicators
            | Family::Yara
            | Family::Sigma
            | Family::Evidence => Basis::Other,
        }
    }
}

/// What a finding is told from. Two rules that tell one fact in two ways have one basis, and do not confirm each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Which file runs or is loaded, and where it lies.
    Program,
    /// Who a process is: its name, its parent, its rights, what was typed.
    Process,
    /// Which tool a program is, by its name.
    Tool,
    /// Whom a process talks to.
    Connection,
    /// Code and data in memory.
    Memory,
    /// What was changed in files.
    Files,
    /// Anything else.
    Other,
}

/// What a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// Only what is known once an archive is open: processes, descriptors, sockets, mappings, the specification. `inspect`
    /// runs these.
    Free,
    /// Contents of files: changes to the root file system, deleted files, volumes, logs.
    Files,
    /// Contents of memory.
    Memory,
}

/// A rule. Each is a static in a file of its own, made by the macro `rule!`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Its id, for example `MEM-001`. Never reused.
    pub id: &'static str,
    /// Its name, which is also that of its file: `anonymous_elf`.
    pub slug: &'static str,
    /// Raised when the meaning changes, but not when only the wording does.
    pub version: u32,
    /// Its family.
    pub family: Family,
    /// How well it is tested.
    pub maturity: Maturity,
    /// The severity of its usual finding.
    pub severity: Severity,
    /// Title of its findings, at most 80 characters.
    pub title: &'static str,
    /// Why the fact matters, in a sentence or two.
    pub why: &'static str,
    /// Innocent causes, each a sentence.
    pub benign: &'static [&'static str],
    /// ATT&CK technique ids, the most specific first.
    pub attack: &'static [&'static str],
    /// Words for searches: `jit`, `fileless`, `credential`, ….
    pub tags: &'static [&'static str],
    /// What it reads.
    pub cost: Cost,
    /// Parts of memory whose bytes it reads.
    pub regions: &'static [Region],
    /// Bytes that it looks for in all memory.
    pub patterns: &'static [Pattern],
    /// What it rests on, if that is not what rules of its family usually rest on.
    pub told_from: Option<Basis>,
    /// Whether its findings say what the container may do rather than what happened. They never make others worse.
    pub posture: bool,
    /// Whether its findings up to low are context: what ordinary software does as well. They make no other finding worse and
    /// none makes them worse.
    pub context: bool,
    /// Its help: the doc comment of its file's rule.
    pub help: &'static str,
    /// Looks at a checkpoint.
    pub check: fn(&Facts<'_>, &mut Report<'_>),
}

impl Rule {
    /// What its findings rest on.
    pub fn basis(&self) -> Basis {
        self.told_from.unwrap_or(self.family.basis())
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.id).finish()
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// Defines the rule of a file. Its doc comment is the help that `scan --explain` and `docs/rules.md` print.
///
/// ```ignore
/// rule! {
///     /// Help, in Markdown.
///     "PROC-005", reverse_shell, version 1, Process, Stable, Critical,
///     title: "…", why: "…", benign: ["…"], attack: ["T1059.004"], cost: Free, check: check
/// }
/// ```
///
/// After `cost`, `tags: […]`, `regions: […]`, `patterns: […]`, `posture: true`, `context: true` and `basis: Program` may follow, in this
/// order.
macro_rules! rule {
    (
        $(#[doc = $help:literal])+
        $id:literal, $slug:ident, version $version:literal, $family:ident, $maturity:ident, $severity:ident,
        title: $title:literal,
        why: $why:literal,
        benign: [$($benign:literal),+ $(,)?],
        attack: [$($attack:literal),* $(,)?],
        cost: $cost:ident,
        $(tags: [$($tag:literal),+ $(,)?],)?
        $(regions: [$($region:expr),+ $(,)?],)?
        $(patterns: [$($pattern:expr),+ $(,)?],)?
        $(posture: $posture:literal,)?
        $(context: $context:literal,)?
        $(basis: $basis:ident,)?
        check: $check:path $(,)?
    ) => {
        $(#[doc = $help])+
        pub(in crate::analysis) static RULE: $crate::analysis::Rule = $crate::analysis::Rule {
            id: $id,
            slug: stringify!($slug),
            version: $version,
            family: $crate::analysis::Family::$family,
            maturity: $crate::analysis::Maturity::$maturity,
            severity: $crate::analysis::Severity::$severity,
            title: $title,
            why: $why,
            benign: &[$($benign),+],
            attack: &[$($attack),*],
            tags: &[$($($tag),+)?],
            cost: $crate::analysis::Cost::$cost,
            regions: &[$($($region),+)?],
            patterns: &[$($($pattern),+)?],
            told_from: {
                const NAMED: &[$crate::analysis::Basis] = &[$($crate::analysis::Basis::$basis)?];
                if let [one] = NAMED { Some(*one) } else { None }
            },
            posture: false $(|| $posture)?,
            context: false $(|| $context)?,
            help: concat!($($help, "\n"),+),
            check: $check,
        };
    };
}
pub(in crate::analysis) use rule;
