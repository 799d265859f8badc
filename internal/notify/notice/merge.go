package notice

import (
	"time"

	"parvis/internal/i18n"
)

// The messages about two accounts of one person.
const (
	KindAccountsMerged Kind = "accounts-merged"
	KindMergeUndone    Kind = "merge-undone"
	KindMergeFinished  Kind = "merge-finished"

	KindSurvivorClosing Kind = "survivor-closing"
)

// LinkedPartner is a sign-in partner that moves to the account that stays.
type LinkedPartner struct {
	Name  i18n.Text
	Since time.Time // when it was linked
}

// AccountsMerged tells the owner of either of two accounts that they were merged, and how
// that can be undone. Its link proves nothing and does nothing by itself.
type AccountsMerged struct {
	Stays bool          // this mail goes to the account that stays; else to the suspended one
	Other string        // address of the other account, masked
	Token string        // secret of the link; goes to <base URL>/merged/<token>
	Valid time.Duration // for how long it can be undone, counted from Asked.At
	Asked Asked

	Partners []LinkedPartner // of the suspended account, that lead to the other one after that
}

// Kind is KindAccountsMerged.
func (AccountsMerged) Kind() Kind { return KindAccountsMerged }

// MergeUndone tells the owner of either account that both are as they were.
type MergeUndone struct {
	Suspended bool // this mail goes to the account that was suspended
	Asked     Asked
}

// Kind is KindMergeUndone.
func (MergeUndone) Kind() Kind { return KindMergeUndone }

// MergeFinished tells the owner of the account that stays that the merging cannot be
// undone any more.
type MergeFinished struct {
	Partners []LinkedPartner // that lead to this account now
	At       time.Time
}

// Kind is KindMergeFinished.
func (MergeFinished) Kind() Kind { return KindMergeFinished }

// SurvivorClosing tells every address of a suspended account, at the beginning, that the one
// which it was merged into is to be deleted: it goes with it, unless the merging is undone.
type SurvivorClosing struct {
	Other string        // address of the other account, masked
	Valid time.Duration // for how long the merging can be undone, counted from Asked.At
	Asked Asked
}

// Kind is KindSurvivorClosing.
func (SurvivorClosing) Kind() Kind { return KindSurvivorClosing }

// Ends is when the merging cannot be undone any more.
func (d SurvivorClosing) Ends() time.Time { return d.Asked.At.Add(d.Valid) }

func (d SurvivorClosing) compose(w *writer) {
	w.open("survivor-closing")
	w.say("survivor-closing.what", "other", strong(d.Other))
	key, args := w.until("survivor-closing.until", d.Asked.At, d.Valid)
	w.say(key, args...)
	w.button("button.signin", pathSignIn)
	w.say("survivor-closing.how")
	w.steps("survivor-closing.notyou", "notyou.contact")
	w.asked("asked", d.Asked)
}

func (d AccountsMerged) compose(w *writer) {
	name := "merged-away"
	if d.Stays {
		name = "merged-stays"
	}
	w.open(name)
	w.say(name+".what", "other", strong(d.Other))
	w.say(name + ".now")
	key, args := w.until("merged.undo", d.Asked.At, d.Valid)
	w.say(key, args...)
	list(w, name+".partners", d.Partners, w.linked)
	w.button("merged.button", "/merged/"+d.Token)
	w.say("merged.proof")
	w.steps("merged.notyou-undo", "notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d MergeUndone) compose(w *writer) {
	w.open("merge-undone")
	if d.Suspended {
		w.say("merge-undone.suspended")
	} else {
		w.say("merge-undone.stayed")
	}
	w.say("merge-undone.services")
	w.button("button.signin", pathSignIn)
	w.steps("notyou.password", "notyou.contact")
	w.asked("done", d.Asked)
}

func (d MergeFinished) compose(w *writer) {
	w.open("merge-finished")
	w.say("merge-finished.what")
	list(w, "merge-finished.partners", d.Partners, w.linked)
	w.button("button.services", pathServices)
	w.asked("done", Asked{At: d.At})
}

// linked is a sign-in partner, with when it was linked.
func (w *writer) linked(p LinkedPartner) string {
	return w.t("merged.partner", "partner", w.name(p.Name), "since", w.tr.Date(p.Since, w.m.Zone))
}
