//! Loads rules of other tools: YARA and Sigma.

use std::path::Path;
use std::time::Duration;

use cryoscope::analysis::{sigma, yara};

use super::super::Failure;
use super::super::args::BroughtArgs;

/// Whether a value of `--yara` stands for our own rules.
pub(super) fn is_builtin(path: &Path) -> bool {
    path == Path::new(yara::BUILTIN)
}

/// The YARA rules, if some were named.
pub(super) fn yara(args: &BroughtArgs, say: &dyn Fn(&str)) -> Result<Option<yara::Rules>, Failure> {
    if args.yara.is_empty() {
        return Ok(None);
    }
    if !yara::Loader::EXISTS {
        return Err(Failure::Usage(lacks("YARA", "yara")));
    }
    let time = Duration::try_from_secs_f64(args.yara_timeout)
        .map_err(|_| Failure::Usage(format!("--yara-timeout {}: give a number of seconds", args.yara_timeout)))?;
    let mut loader = yara::Loader::new();
    for path in &args.yara {
        if is_builtin(path) {
            loader.builtin();
        } else {
            loader.path(path);
        }
    }
    let yara::Loaded { rules, problems, .. } = loader.finish();
    let Some(rules) = rules else {
        let why = problems.first().map_or("there is no file *.yar or *.yara", String::as_str);
        return Err(Failure::Usage(format!("no YARA rule can be used: {why}")));
    };
    for problem in &problems {
        say(&format!("YARA rules: {problem}"));
    }
    Ok(Some(rules.with_time(time)))
}

/// The Sigma rules, if some were named.
pub(super) fn sigma(args: &BroughtArgs, say: &dyn Fn(&str)) -> Result<Option<sigma::Rules>, Failure> {
    if args.sigma.is_empty() {
        return Ok(None);
    }
    if !sigma::Loader::EXISTS {
        return Err(Failure::Usage(lacks("Sigma", "sigma")));
    }
    let mut loader = sigma::Loader::new();
    args.sigma.iter().for_each(|path| loader.path(path));
    let sigma::Loaded { rules, problems, .. } = loader.finish();
    if rules.count() == 0 && rules.left_out() == 0 {
        let why = problems.first().map_or("there is no file *.yml or *.yaml", String::as_str);
        return Err(Failure::Usage(format!("no Sigma rule can be used: {why}")));
    }
    for problem in &problems {
        say(&format!("Sigma rules: {problem}"));
    }
    Ok(Some(rules))
}

fn lacks(what: &str, feature: &str) -> String {
    format!("this build of cryoscope has no {what}: build it with the feature `{feature}`, which is on by default")
}
