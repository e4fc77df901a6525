/* The algorithm of PODUS, and two stricter policies, for the model checker spin: every schedule of a small program.
 *
 * Segal and Frieder, "On-the-Fly Program Modification", IEEE Software, March 1993. Threads call and return as they like; the updater
 * updates them, and may at any time change its mind and back out. The same rules are in Python in tests/model.py, and are held against
 * the real thing there. One policy is chosen with -DPODUS, -DATOMIC or -DCONSISTENT; -DSABOTAGE=n leaves one rule out, and an error must be
 * found then (check says which and why).
 */
#define PROCEDURES 3
#define THREADS 2
#define DEPTH 3

#ifndef SABOTAGE
#define SABOTAGE 0
#endif

/* Versions. A procedure that has gone back is told from one that never went. */
#define OLD 0
#define NEW 1
#define AGAIN 2
#define NONE 3

/* States of the update, as in updating/states.py. */
#define BEFORE 0
#define PENDING 1
#define BACKING_OUT 2
#define COMPLETE 3
#define BACKED_OUT 4

#define bit_of(p) (1 << (p))
#define in(set, p) (((set) >> (p)) & 1)
#define frame(t, d) ((t) * DEPTH + (d))
#define idle(t) (depth[t] == 0)
#define quiet (idle(0) && idle(1))
#define over (state == COMPLETE || state == BACKED_OUT)

byte state = BEFORE;
byte changed;                        /* the procedures that differ: a set of bits */
byte calls[2 * PROCEDURES];          /* what each calls, in the old and in the new version */
byte reach[2 * PROCEDURES];          /* the same, directly or not */
byte bound[PROCEDURES];              /* the binding table: the version that a call gets */
byte depth[THREADS];
byte proc[THREADS * DEPTH];          /* the stacks, the oldest frame first */
byte version[THREADS * DEPTH];       /* NONE for what did not change */
bool shrunk;                         /* some stack has shrunk since the updater looked */
bool patient;                        /* nobody backs the update out */

#define graph(v) (((v) == NEW) * PROCEDURES)
#define top(t) (frame(t, depth[t] - 1))
/* Whether thread t can call c from where it is: from outside of the program it can call anything. */
#define can_call(t, c) (depth[t] < DEPTH && (idle(t) || in(calls[graph(version[top(t)]) + proc[top(t)]], c)))

inline push(t, c, v) {
    proc[frame(t, depth[t])] = c;
    version[frame(t, depth[t])] = (in(changed, c) -> v : NONE);
    depth[t]++
}

inline pop(t) {
    depth[t]--;
    proc[frame(t, depth[t])] = 0;
    version[frame(t, depth[t])] = 0;
    shrunk = (state == PENDING || state == BACKING_OUT) && !(SABOTAGE == 1)
}

/* Some program of three procedures: which of them change, and who calls whom in both versions. */
inline some_program() {
    byte i, j, k;
    if :: patient = true :: patient = false fi;
    if
    :: changed = 7                   /* all of them */
    :: changed = 5                   /* one between them does not */
    :: changed = 3
    fi;
#ifdef PODUS
    if                               /* the old version is a chain, one way or the other, or a circle */
    :: calls[0] = bit_of(1); calls[1] = bit_of(2)
    :: calls[2] = bit_of(1); calls[1] = bit_of(0)
    :: calls[0] = bit_of(1); calls[1] = bit_of(2); calls[2] = bit_of(0)
    fi;
    i = 0;
    do
    :: i == PROCEDURES -> break
    :: i < PROCEDURES && !in(changed, i) -> calls[PROCEDURES + i] = calls[i]; i++
    :: i < PROCEDURES && in(changed, i) ->
        if
        :: calls[PROCEDURES + i] = 0
        :: calls[PROCEDURES + i] = bit_of((i + 1) % PROCEDURES)
        :: calls[PROCEDURES + i] = bit_of((i + 2) % PROCEDURES)
        :: calls[PROCEDURES + i] = bit_of(i) | bit_of((i + 1) % PROCEDURES)
        fi;
        i++
    od;
    {
        for (i : 0 .. 2 * PROCEDURES - 1) { reach[i] = calls[i] }
        for (k : 0 .. PROCEDURES - 1) {
            for (i : 0 .. 2 * PROCEDURES - 1) {
                j = (i / PROCEDURES) * PROCEDURES;
                if :: in(reach[i], k) -> reach[i] = reach[i] | reach[j + k] :: else fi
            }
        }
        i = 0; j = 0; k = 0
    }
#else
    for (i : 0 .. 2 * PROCEDURES - 1) { calls[i] = 7 }
    i = 0; j = 0; k = 0
#endif
}

/* ------------------------------------------------------------------------------------------------------------------------------- */
#ifdef PODUS
/* Each procedure by itself: when neither it nor what its coming version can reach is active in the version that is leaving.
 * Procedures of `group` depend on each other and switch at one instant. */
byte group;

/* The set S: what may not switch now. */
inline active_set(leaving, coming) {
    s = 0;
    for (t : 0 .. THREADS - 1) {
        for (d : 0 .. DEPTH - 1) {
            if
            :: d < depth[t] && (version[frame(t, d)] == leaving) && !(SABOTAGE == 2) -> s = s | bit_of(proc[frame(t, d)])
            :: else
            fi
        }
    }
    s = s & changed;
    for (d : 0 .. PROCEDURES - 1) {
        for (p : 0 .. PROCEDURES - 1) {
            if
            :: in(changed, p) && (reach[coming * PROCEDURES + p] & s) && !(SABOTAGE == 3 && coming == NEW) && !(SABOTAGE == 4 && coming == OLD) ->
                s = s | bit_of(p)
            :: else
            fi
        }
        if :: (s & group) && !(SABOTAGE == 5) -> s = s | group :: else fi
    }
}

active proctype updater() {
    byte s, t, d, p, left;
    atomic {
        some_program();
        if :: group = 0 :: (changed & 6) == 6 -> group = 6 :: (changed & 5) == 5 -> group = 5 fi
    }
    atomic { state = PENDING; shrunk = true }
    do
    :: d_step { state == PENDING && shrunk ->
        shrunk = false;
        active_set(OLD, NEW);
        left = 0;
        for (p : 0 .. PROCEDURES - 1) {
            if
            :: in(changed, p) && bound[p] == OLD && !in(s, p) -> bound[p] = NEW
            :: else
            fi;
            left = left + (in(changed, p) && bound[p] == OLD)
        }
        if :: !left -> state = COMPLETE :: else fi;
        s = 0; t = 0; d = 0; p = 0; left = 0
      }
    :: d_step { state == PENDING && !patient -> state = BACKING_OUT; shrunk = true }
    :: d_step { state == BACKING_OUT && shrunk ->
        shrunk = false;
        active_set(NEW, OLD);
        left = 0;
        for (p : 0 .. PROCEDURES - 1) {
            if
            :: bound[p] == NEW && !in(s, p) -> bound[p] = AGAIN
            :: else
            fi;
            left = left + (bound[p] == NEW)
        }
        if :: !left -> state = BACKED_OUT :: else fi;
        s = 0; t = 0; d = 0; p = 0; left = 0
      }
    :: over -> break
    od;
    shrunk = false
}

/* Whoever calls gets the most recent version. A new procedure never comes to an old one, whatever stands between (but one that has gone back, on the
 * way back); nor does one that has gone back come to a new one. What depends on each other is never bound to two
 * versions, and nothing switches while it is on a stack. */
#define stale(t, d) (d < depth[t] && version[frame(t, d)] != NONE && version[frame(t, d)] != bound[proc[frame(t, d)]])

inline call(t, c) {
    atomic { can_call(t, c) ->
        push(t, c, bound[c]);
        for (d : 0 .. DEPTH - 1) {
            below = d < depth[t] && (version[frame(t, d)] == NEW || (below && version[frame(t, d)] != AGAIN));
            assert(!stale(0, d) && !stale(1, d));
            assert(!(d < depth[t] && version[frame(t, d)] == AGAIN && version[top(t)] == NEW));
            assert(!(in(group, d) && in(group, c) && (bound[d] == NEW) != (bound[c] == NEW)))
        }
        assert(!(below && version[top(t)] == OLD));
        d = 0; below = false
    }
}

active [THREADS] proctype thread() {
    byte me = _pid - 1, d;
    bool below;
    changed;                         /* there is a program */
    do
    :: call(me, 0)
    :: call(me, 1)
    :: call(me, 2)
    :: atomic { !idle(me) -> pop(me) }
    :: idle(me) -> break
    od
}
#endif

/* ------------------------------------------------------------------------------------------------------------------------------- */
#ifdef ATOMIC
/* All at one instant in which none of them is on any stack. After a while the doors are shut: whoever is inside goes on, whoever comes
 * waits outside until those have left, or the longest hold is over. */
bool door;
bool waits[THREADS];
/* Thread 0, inside, waits for something that thread 1 does by its next call. */
bool expects;

#define is_in(t, d) (d < depth[t] && version[frame(t, d)] != NONE)
#define inside(t) (is_in(t, 0) || is_in(t, 1) || is_in(t, 2))
#define nobody (SABOTAGE == 1 || (!inside(0) && !inside(1)))

inline open() { door = false; waits[0] = false; waits[1] = false }

inline switch() {
    for (p : 0 .. PROCEDURES - 1) {
        bound[p] = ((p == 0 && SABOTAGE == 2) || !in(changed, p) -> bound[p] : bound[p] + 1);
    }
    p = 0;
    state = (state == PENDING -> COMPLETE : BACKED_OUT);
    open()
}

active proctype updater() {
    byte p;
    atomic { some_program() }
    state = PENDING;
    do
    :: d_step { state == PENDING && nobody -> switch() }
    :: d_step { !over && !door && !nobody -> door = true }
    :: d_step { door && !nobody && !(SABOTAGE == 3) -> open() }
       /* The way back: in its middle nothing has switched, after its end it is an update like another. */
    :: d_step { state == PENDING && !patient -> state = BACKED_OUT; open() }
    :: d_step { state == COMPLETE && !patient -> state = BACKING_OUT }
    :: d_step { state == BACKING_OUT && nobody -> switch() }
    :: over -> break
    od
}

/* What is on the stacks is of one version, on both. */
inline call(t, c) {
    atomic { !waits[t] && can_call(t, c) && !(expects && t == 0) && !(door && in(changed, c) && !inside(t)) ->
        push(t, c, bound[c]);
        expects = expects && t == 0;
        for (d : 0 .. DEPTH - 1) {
            assert(!(is_in(0, d) && version[top(t)] != NONE && version[frame(0, d)] != version[top(t)]));
            assert(!(is_in(1, d) && version[top(t)] != NONE && version[frame(1, d)] != version[top(t)]));
        }
        d = 0
    }
}

inline come_to_the_door(t, c) {
    atomic { door && !waits[t] && can_call(t, c) && !(expects && t == 0) && in(changed, c) && !inside(t) -> waits[t] = true }
}

active [THREADS] proctype thread() {
    byte me = _pid - 1, d;
    changed;                         /* there is a program */
    do
    :: call(me, 0)
    :: call(me, 1)
    :: call(me, 2)
    :: come_to_the_door(me, 0)
    :: come_to_the_door(me, 1)
    :: come_to_the_door(me, 2)
    :: atomic { me == 0 && !expects && !idle(0) && _nr_pr == 3 -> expects = true }
    :: atomic { !idle(me) && !waits[me] && !(expects && me == 0) -> pop(me) }
    :: atomic { idle(me) && !waits[me] -> expects = false; break }
    od
}
#endif

/* ------------------------------------------------------------------------------------------------------------------------------- */
#ifdef CONSISTENT
/* Version consistency: a transaction (here all that a call from outside comes to) runs wholly in one version. A thread moves when it
 * begins its next one; meanwhile both versions serve side by side. */
byte serves[THREADS];                /* the version that each thread is in */
byte begun[THREADS];                 /* the one in which its transaction began */
byte target = OLD;                   /* the version that the next transactions are to have */
bool gone[2];                        /* versions whose code is not kept any more */

#define runs(t, v) (!idle(t) && serves[t] == (v))
#define side_by_side (runs(0, OLD) && runs(1, NEW))

active proctype updater() {
    atomic { some_program() }
    atomic { state = PENDING; target = NEW }
    do
    :: d_step { state == PENDING && (SABOTAGE == 1 || (!runs(0, OLD) && !runs(1, OLD))) -> state = COMPLETE; gone[OLD] = true }
    :: d_step { state == PENDING && !patient -> state = BACKING_OUT; target = OLD }
    :: d_step { state == BACKING_OUT && (SABOTAGE == 3 || (!runs(0, NEW) && !runs(1, NEW))) -> state = BACKED_OUT; gone[NEW] = true }
    :: over -> break
    od
}

/* Whoever calls gets its own version, which is still there; the transaction is seen in no other. */
inline call(t, c) {
    atomic { can_call(t, c) ->
        if
        :: idle(t) -> serves[t] = (SABOTAGE == 5 -> serves[t] : target); begun[t] = serves[t]
        :: else -> if :: SABOTAGE == 2 -> serves[t] = target :: else fi
        fi;
        push(t, c, serves[t]);
        assert(version[top(t)] == NONE || version[top(t)] == begun[t]);
        assert(version[top(t)] == NONE || !gone[version[top(t)]]);
#if SABOTAGE == 4
        assert(!side_by_side);
#endif
    }
}

active [THREADS] proctype thread() {
    byte me = _pid - 1;
    changed;                         /* there is a program */
    do
    :: call(me, 0)
    :: call(me, 1)
    :: call(me, 2)
    :: atomic { !idle(me) -> pop(me) }
    :: idle(me) -> break
    od
}
#endif

#ifdef PROGRESS
#if defined(CONSISTENT)
/* An update comes to its end if only every transaction does, though others begin without pause. */
ltl progress { ([] <> idle(0) && [] <> idle(1)) -> (<> over) }
#elif defined(ATOMIC)
/* It comes to its end when no stack holds anything any more; and nobody waits at a door for ever. */
ltl progress { ((<> [] quiet) -> (<> over)) && ([] (waits[1] -> <> !waits[1])) }
#else
ltl progress { (<> [] quiet) -> (<> over) }
#endif
#endif
