//! The helper processes at work, and the files that none could read.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;

use super::{Answer, Depth, Error, ForeignFrame, Helper, MAX_ADDRESSES};
use crate::symbols::file::{FileId, TargetFile};

/// Processes at a time; a program has code of some five libraries on its stacks.
const MAX_RUNNING: usize = 8;

/// Bytes of memory of all processes but the one that is asked, whose limit is 160 MiB.
///
/// With symbol tables alone one takes 2 MiB, with the debug information of a small library 10.
const MAX_IDLE_MEMORY: u64 = 32 << 20;

/// Files whose symbols could not be read and are not tried again.
const MAX_REFUSED: usize = 1024;

/// Names foreign code of any number of files.
#[derive(Debug)]
pub(in crate::symbols) struct Helpers {
    /// What runs as a helper process: `tracer`.
    program: PathBuf,
    /// Least recently asked first.
    running: VecDeque<Running>,
    refused: VecDeque<(FileId, Rc<str>)>,
}

#[derive(Debug)]
struct Running {
    file: FileId,
    helper: Helper,
    /// Why it knows symbols only, if so.
    limited: Option<String>,
}

/// What was found out about some addresses of one file.
#[derive(Debug, Default)]
pub(in crate::symbols) struct Found {
    /// For each address its calls, innermost first; none where it is unknown.
    pub(in crate::symbols) calls: Vec<Vec<ForeignFrame>>,
    /// Why there could have been more.
    pub(in crate::symbols) trouble: Option<Rc<str>>,
}

impl Helpers {
    pub(in crate::symbols) fn new(program: PathBuf) -> Self {
        Self {
            program,
            running: VecDeque::new(),
            refused: VecDeque::new(),
        }
    }

    /// The calls at link-time addresses of a file.
    pub(in crate::symbols) fn name(&mut self, file: &TargetFile, addresses: &[u64]) -> Found {
        let mut found = Found::default();
        for some in addresses.chunks(MAX_ADDRESSES) {
            let why = self.refused.iter().find(|(id, _)| *id == file.id);
            let answer = match why {
                Some((_, why)) => Err(Rc::clone(why)),
                None => self
                    .ask(file, some)
                    .map_err(|error| self.refuse(file, &error)),
            };
            let trouble = match answer {
                Ok(answer) => {
                    found.calls.extend(answer.calls);
                    answer.trouble.map(Rc::from)
                }
                Err(why) => Some(why),
            };
            found.trouble = found.trouble.or(trouble);
        }
        found.calls.resize(addresses.len(), Vec::new());
        found
    }

    fn ask(&mut self, file: &TargetFile, addresses: &[u64]) -> Result<Answer, Error> {
        let known = self.running.iter().position(|one| one.file == file.id);
        let known = known.and_then(|index| self.running.remove(index));
        self.make_room();
        let is_new = known.is_none();
        let mut asked = match known {
            Some(running) => running,
            None => self.start(file, Depth::DebugInformation, None)?,
        };
        let mut answer = asked.helper.ask(addresses);
        if let Err(error) = &answer
            && asked.limited.is_none()
        {
            // Names without lines are better than none.
            let why = format!("without source lines: {error}");
            drop(asked);
            asked = self.start(file, Depth::Symbols, Some(why))?;
            answer = asked.helper.ask(addresses);
        }
        let mut answer = answer?;
        if is_new {
            file.check_unchanged().map_err(Error::Changed)?;
        }
        answer.trouble = asked.limited.clone().or(answer.trouble);
        self.running.push_back(asked);
        Ok(answer)
    }

    fn start(
        &self,
        file: &TargetFile,
        depth: Depth,
        limited: Option<String>,
    ) -> Result<Running, Error> {
        let helper = Helper::start(&self.program, &file.handle, depth).map_err(Error::Start)?;
        Ok(Running {
            file: file.id,
            helper,
            limited,
        })
    }

    /// For one process more, which may take a lot of memory.
    fn make_room(&mut self) {
        let memory = |one: &Running| one.helper.memory();
        while self.running.len() >= MAX_RUNNING
            || self.running.iter().map(memory).sum::<u64>() > MAX_IDLE_MEMORY
        {
            self.running.pop_front();
        }
    }

    fn refuse(&mut self, file: &TargetFile, error: &Error) -> Rc<str> {
        if self.refused.len() >= MAX_REFUSED {
            self.refused.pop_front();
        }
        let why: Rc<str> = Rc::from(error.to_string());
        self.refused.push_back((file.id, Rc::clone(&why)));
        why
    }
}
