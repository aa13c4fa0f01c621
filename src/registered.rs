//! A source and its callback in one box, behind one pointer.

use crate::interest::Interest;
use crate::source::{Source, Usage};
use mio::event;
use std::any::{Any, type_name};
use std::io;
use std::marker::PhantomData;

/// What a callback may return: nothing, or an [`io::Result<()>`](io::Result).
///
/// "Would block" and "interrupted" mean "not now"; any other error costs the source, see
/// [`Selector::on_error`](crate::Selector::on_error). Implemented for these two types and no others.
pub trait Outcome: sealed::Sealed + 'static {
    #[doc(hidden)]
    fn into_result(self) -> io::Result<()>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for std::io::Result<()> {}
}

impl Outcome for () {
    fn into_result(self) -> io::Result<()> {
        Ok(())
    }
}

impl Outcome for io::Result<()> {
    fn into_result(self) -> io::Result<()> {
        self
    }
}

/// The pair as the selector keeps it, its types forgotten.
pub(crate) trait Registered<'cb> {
    fn call(&mut self, usage: &Usage<'_, 'cb>, ready: Interest) -> io::Result<()>;

    /// The source as mio knows it.
    fn event_source(&mut self) -> &mut dyn event::Source;

    /// The source as its own type, to be found by downcast.
    fn source(&mut self) -> &mut dyn Any;

    /// Hands the source to `to`, in an `Option` of its type; then drops the callback, which may panic.
    fn move_source(self: Box<Self>, to: &mut dyn FnMut(&mut dyn Any));

    fn source_type(&self) -> &'static str;
}

pub(crate) type Body<'cb> = Box<dyn Registered<'cb> + 'cb>;

/// Puts a body's source together with another callback, the new body into its place, and drops the
/// callback it had, in this order: the place is taken also if that drop panics.
pub(crate) type Replace<'cb> = Box<dyn FnOnce(Body<'cb>, &mut Option<Body<'cb>>) + 'cb>;

pub(crate) struct Pair<S, F, R> {
    source: S,
    callback: F,
    returns: PhantomData<fn() -> R>,
}

impl<S, F, R> Pair<S, F, R> {
    pub(crate) fn new(source: S, callback: F) -> Box<Self> {
        Box::new(Pair { source, callback, returns: PhantomData })
    }
}

impl<'cb, S, F, R> Registered<'cb> for Pair<S, F, R>
where
    S: event::Source + 'static,
    F: FnMut(&mut Source<'_, 'cb, S>, Interest) -> R + 'cb,
    R: Outcome,
{
    fn call(&mut self, usage: &Usage<'_, 'cb>, ready: Interest) -> io::Result<()> {
        let mut source = Source::new(&mut self.source, usage);
        (self.callback)(&mut source, ready).into_result()
    }

    fn event_source(&mut self) -> &mut dyn event::Source {
        &mut self.source
    }

    fn source(&mut self) -> &mut dyn Any {
        &mut self.source
    }

    fn move_source(self: Box<Self>, to: &mut dyn FnMut(&mut dyn Any)) {
        let Pair { source, callback: _until_then, returns: _ } = *self;
        to(&mut Some(source));
    }

    fn source_type(&self) -> &'static str {
        type_name::<S>()
    }
}

/// The source of a body whose type is known to be `S`.
pub(crate) fn into_source<S: 'static>(body: Body<'_>) -> Option<S> {
    let mut into = None;
    body.move_source(&mut |source| into = taken_out::<S>(source));
    into
}

/// What [`Registered::move_source`] hands out.
pub(crate) fn taken_out<S: 'static>(source: &mut dyn Any) -> Option<S> {
    source.downcast_mut::<Option<S>>().and_then(Option::take)
}
