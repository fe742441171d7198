//! Options for what the user brings to a scan besides the archive, and how it is read.

use std::fs;
use std::io::{IsTerminal, Read as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use cryoscope::analysis::Brought;
use cryoscope::analysis::secrets::{SecretsMode, SecretsWanted, UserRules};

use super::Failure;
use super::args::Global;
use super::screen::complain;

/// Largest file of rules that is read, in bytes.
const MOST: u64 = 16 << 20;
/// Rules that cannot be used are listed up to this number.
const LISTED: usize = 20;

/// What the user brings to a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {
    #[command(flatten)]
    secrets: SecretsArgs,
}

impl BroughtArgs {
    /// Reads everything that was named. `say` gets what the user should know about it.
    pub(crate) fn read(&self, say: &dyn Fn(&str)) -> Result<Arc<Brought>, Failure> {
        Ok(Arc::new(Brought::default().with_secrets(self.secrets.read(say)?)))
    }

    /// Refuses to show secrets where others can read them, and protects the files that were named.
    pub(crate) fn check(&self, global: &Global) -> Result<(), Failure> {
        global.outputs.inputs(self.secrets.secrets_rules.iter().map(PathBuf::as_path))?;
        let is_private = global.output.as_deref().is_some_and(|path| path != Path::new("-"));
        if self.secrets.reveal && !is_private && !stdout().is_terminal() {
            let message = "--reveal prints secrets only on a terminal, or into a file: add --output FILE";
            return Err(Failure::Usage(message.to_owned()));
        }
        if self.secrets.reveal {
            complain("--reveal: the output has secrets in plain text; delete it when it is no longer needed");
        }
        Ok(())
    }
}

/// Which secrets are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// None
    No,
    /// All but published examples, lists of signatures, and states of random number generators
    Yes,
    /// All
    All,
}

/// How secrets are looked for and shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Secrets")]
struct SecretsArgs {
    /// Whether to look for passwords, keys and tokens
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Wanted::Yes)]
    secrets: Wanted,
    /// Also look for secrets by the rules of this file, in the TOML of gitleaks
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    secrets_rules: Vec<PathBuf>,
    /// Show secrets whole, in the column `revealed` of the table `secrets`
    ///
    /// Only on a terminal, or with --output, which writes a file that nobody else can read.
    #[arg(long, hide_short_help = true)]
    reveal: bool,
    /// Make the hashes of passwords the same in each run, so that runs can be compared
    ///
    /// Short passwords can then be found from their hash.
    #[arg(long, hide_short_help = true)]
    stable_secret_hash: bool,
}

impl SecretsArgs {
    fn read(&self, say: &dyn Fn(&str)) -> Result<SecretsWanted, Failure> {
        let mode = match self.secrets {
            Wanted::No => SecretsMode::No,
            Wanted::Yes => SecretsMode::Yes,
            Wanted::All => SecretsMode::All,
        };
        let mut wanted = SecretsWanted::new(mode);
        wanted.stable_hash = self.stable_secret_hash;
        wanted.reveal = self.reveal;
        let mut rules = UserRules::default();
        for path in &self.secrets_rules {
            let name = path.display().to_string();
            let parsed = UserRules::parse(&name, &text(path)?);
            rules.extend(parsed.map_err(|error| Failure::Usage(format!("{name}: {error}")))?);
        }
        rules.skipped().iter().take(LISTED).for_each(|one| say(one));
        let others = rules.skipped().len().saturating_sub(LISTED);
        if others > 0 {
            say(&format!("{others} more rules for secrets cannot be used"));
        }
        Ok(if rules.is_empty() { wanted } else { wanted.with_rules(rules) })
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut text = String::new();
    let read = fs::File::open(path).map_err(fail)?.take(MOST + 1).read_to_string(&mut text).map_err(fail)?;
    if u64::try_from(read).is_ok_and(|read| read > MOST) {
        return Err(Failure::Usage(format!("{}: the file is larger than {} MiB", path.display(), MOST >> 20)));
    }
    Ok(text)
}
