//! A child of which only the outcome is of interest: all it has said, and how it exited.

use super::{Child, ChildOutput, Process};
use crate::interest::READ;
use crate::key::Key;
use crate::selector::Selector;
use crate::source::Source;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::rc::Rc;

impl<'cb> Selector<'cb> {
    /// Runs `command` to its end, and calls `done` with its status and all that it has written to
    /// standard output and standard error. Its standard input is empty.
    ///
    /// `done` is called once, when the child has exited and both outputs have ended. It is given an error
    /// of the kind [`FileTooLarge`](ErrorKind::FileTooLarge) if the outputs come to more than `max`
    /// bytes; the child is killed then. Other errors are those of
    /// [`spawn`](Self::spawn)'s `exited`, and of reading.
    ///
    /// ```
    /// # use selkie::Selector;
    /// use std::process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let sel = Selector::new()?;
    /// # #[cfg(unix)] {
    /// sel.output(Command::new("uname").arg("-s"), 1024, |_, output| match output {
    ///     Ok(output) => println!("{}: {}", output.status, String::from_utf8_lossy(&output.stdout)),
    ///     Err(error) => println!("no outcome: {error}"),
    /// })?;
    /// # }
    /// sel.run()
    /// # }
    /// ```
    ///
    /// # From inside a callback
    ///
    /// At once; `done` is called in a later turn. The key is for [killing](Process::kill) the child, by
    /// a timer for instance, and `done` is called then as well. If the `Process` is discarded instead,
    /// `done` is never called.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    #[doc(alias = "check_output")]
    pub fn output(
        &self,
        command: &mut Command,
        max: usize,
        done: impl FnOnce(&Selector<'cb>, io::Result<Output>) + 'cb,
    ) -> io::Result<Key<Process>> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let collected = Rc::new(Collected {
            awaited: Cell::new(3),
            room: Cell::new(max),
            status: Cell::new(None),
            texts: [RefCell::default(), RefCell::default()],
            outputs: Cell::new([None; 2]),
            failure: Cell::new(None),
            done: Cell::new(Some(done)),
        });
        let of_child = Rc::clone(&collected);
        let child = self.spawn(command, move |sel, status| of_child.exited(sel, status))?;
        let Child { key, stdout, stderr, .. } = child;
        let registered = self.collect(key, [stdout, stderr], &collected);
        if let Err(error) = registered {
            for output in collected.outputs.take().into_iter().flatten() {
                self.discard(output)?;
            }
            return Err(self.unregister(key)?.withdraw(error));
        }
        Ok(key)
    }

    fn collect<F>(
        &self,
        child: Key<Process>,
        outputs: [Option<ChildOutput>; 2],
        collected: &Rc<Collected<F>>,
    ) -> io::Result<()>
    where
        F: FnOnce(&Selector<'cb>, io::Result<Output>) + 'cb,
    {
        for (which, output) in outputs.into_iter().enumerate() {
            let output = output.expect("both are piped");
            let by_callback = Rc::clone(collected);
            let key = self.register(output, READ, move |output, _| by_callback.read(output, which, child))?;
            let mut keys = collected.outputs.get();
            keys[which] = Some(key);
            collected.outputs.set(keys);
        }
        Ok(())
    }
}

/// What is known so far of how a child ends.
struct Collected<F> {
    /// How many are still to come: the exit, and the ends of the two outputs.
    awaited: Cell<u8>,
    /// How many bytes more there may be.
    room: Cell<usize>,
    status: Cell<Option<io::Result<ExitStatus>>>,
    texts: [RefCell<Vec<u8>>; 2],
    outputs: Cell<[Option<Key<ChildOutput>>; 2]>,
    failure: Cell<Option<io::Error>>,
    done: Cell<Option<F>>,
}

impl<F> Collected<F> {
    /// The callback of either output.
    fn read<'cb>(&self, output: &mut Source<'_, 'cb, ChildOutput>, which: usize, child: Key<Process>) -> io::Result<()>
    where
        F: FnOnce(&Selector<'cb>, io::Result<Output>),
    {
        let mut buf = [0; 16 * 1024];
        match output.read(&mut buf) {
            Ok(0) => {
                output.unregister();
                self.one_has_ended(output.selector());
            }
            Ok(n) if n <= self.room.get() => {
                self.room.set(self.room.get() - n);
                self.texts[which].borrow_mut().extend_from_slice(&buf[..n]);
            }
            Ok(_) => {
                let error = io::Error::new(ErrorKind::FileTooLarge, "a child has written more than it was allowed");
                self.fail(output, child, error);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Err(error),
            Err(error) => self.fail(output, child, error),
        }
        Ok(())
    }

    /// Nothing more is read, be it because a child of the child keeps a pipe open.
    fn fail<'cb>(&self, output: &mut Source<'_, 'cb, ChildOutput>, child: Key<Process>, error: io::Error)
    where
        F: FnOnce(&Selector<'cb>, io::Result<Output>),
    {
        let sel = output.selector();
        self.failure.set(Some(error));
        // If it has exited, it is known by now, and there is nothing to kill.
        let _ = sel.with(child, |child| child.kill());
        output.unregister();
        for other in self.outputs.get().into_iter().flatten().filter(|key| *key != output.key()) {
            if sel.discard(other).is_ok() {
                self.one_has_ended(sel);
            }
        }
        self.one_has_ended(sel);
    }

    fn exited<'cb>(&self, sel: &Selector<'cb>, status: io::Result<ExitStatus>)
    where
        F: FnOnce(&Selector<'cb>, io::Result<Output>),
    {
        self.status.set(Some(status));
        self.one_has_ended(sel);
    }

    fn one_has_ended<'cb>(&self, sel: &Selector<'cb>)
    where
        F: FnOnce(&Selector<'cb>, io::Result<Output>),
    {
        self.awaited.set(self.awaited.get() - 1);
        if self.awaited.get() > 0 {
            return;
        }
        let (Some(done), Some(status)) = (self.done.take(), self.status.take()) else { return };
        let [stdout, stderr] = [self.texts[0].take(), self.texts[1].take()];
        let output = match self.failure.take() {
            Some(error) => Err(error),
            None => status.map(|status| Output { status, stdout, stderr }),
        };
        done(sel, output);
    }
}
