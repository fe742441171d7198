//! Whether somebody came into the container in the regular way. A shell below a server of logins belongs there.

use super::super::vocabulary::{has_name, is_terminal_server};
use super::origin::ABOVE_MOST;
use super::{Channel, Facts, ProcessFacts};

impl Facts<'_> {
    /// Whether somebody may have come in the regular way: an ancestor is a server of terminals or of logins. One that is
    /// the service of the container, or only starts it as another user, says nothing about a person.
    pub fn is_login(&self, process: &ProcessFacts<'_>) -> bool {
        self.ancestors(process).take(ABOVE_MOST).any(|above| self.lets_in(above, process))
    }

    /// Whether a server of terminals or of logins explains a process below it.
    fn lets_in(&self, server: &ProcessFacts<'_>, process: &ProcessFacts<'_>) -> bool {
        let name = server.program.base();
        if !is_terminal_server(name) || server.is_program_suspicious() {
            return false;
        }
        let is = |names: &[&str]| names.iter().any(|one| has_name(name, one));
        if is(&["sshd", "dropbear"]) {
            // The one that listens starts no shell: it has a child for each session, which does. With `-i`, another
            // program listens.
            return self.parent(server).is_some_and(|parent| parent.program.base() == name)
                || server.argv().iter().skip(1).any(|argument| argument == "-i");
        }
        if is(&["su", "sudo", "script", "login"]) {
            return self.has_terminal(server) && !self.is_on_first_terminal(server);
        }
        let is_first = self.init().is_some_and(|init| init.pid() == server.pid());
        !(is_first || self.is_entry_point(server)) || self.has_terminal(process)
    }

    fn has_terminal(&self, process: &ProcessFacts<'_>) -> bool {
        self.behind(process, 0).is_some_and(|behind| behind.channel == Channel::Terminal)
    }

    /// Whether a process has the terminal that the engine gave the container, and no shell is above it that somebody types
    /// into: then it is a part of the command, as `su app -c server` is.
    fn is_on_first_terminal(&self, process: &ProcessFacts<'_>) -> bool {
        let at = |process: &ProcessFacts<'_>| process.file(0).map(|file| file.file_id);
        let first = self.init().and_then(at);
        first.is_some()
            && at(process) == first
            && !self.ancestors(process).take(ABOVE_MOST).any(ProcessFacts::is_open_shell)
    }
}
