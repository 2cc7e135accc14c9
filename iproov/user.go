package iproov

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Users manages enrolled users: client.Users. Its calls need Config.OAuth. A user who is not there is [identkit.ErrNotFound], by
// whichever of invalid_user_id and no_user iProov answers.
type Users struct{ road *transport.Road }

// User is an enrolled user.
type User struct {
	identkit.Raw `json:"-"`

	ID     UserID
	Name   string
	Status UserStatus
	// Activated and Suspended are from when the status counts; zero when the answer does not say.
	Activated, Suspended time.Time
}

// UserStatus is the state of a user. Sources disagree about its letter case: compare with [UserStatus.Is]. Values this package
// does not know pass through.
type UserStatus string

// The states of a user.
const (
	UserInactive  UserStatus = "inactive" // enrolled by a scan that is not validated yet
	UserActive    UserStatus = "active"
	UserSuspended UserStatus = "suspended" // cannot be verified
	UserDeleted   UserStatus = "deleted"   // final
)

// Is compares without regard to case.
func (s UserStatus) Is(other UserStatus) bool { return strings.EqualFold(string(s), string(other)) }

// Known reports whether this version of the package knows the status.
func (s UserStatus) Known() bool {
	return s.Is(UserInactive) || s.Is(UserActive) || s.Is(UserSuspended) || s.Is(UserDeleted)
}

// IsFinal reports whether the status can no longer change.
func (s UserStatus) IsFinal() bool { return s.Is(UserDeleted) }

type userAnswer struct {
	ID        wire.Sole `json:"user_id"`
	Name      wire.Text `json:"name"`
	Status    wire.Sole `json:"status"`
	Activated wire.Time `json:"activation_date"`
	Suspended wire.Time `json:"suspension_date"`
}

func (w *userAnswer) user() (*User, error) {
	switch {
	case w.ID.String() == "":
		return nil, transport.Missing("user_id")
	case w.Status.String() == "":
		return nil, transport.Missing("status")
	}
	return &User{ID: UserID(w.ID.String()), Name: string(w.Name), Status: UserStatus(w.Status.String()), Activated: w.Activated.Time, Suspended: w.Suspended.Time}, nil
}

func (w *userAnswer) finish(path transport.Path) (*User, error) {
	u, err := w.user()
	if err != nil {
		return nil, err
	}
	return u, transport.Same("user_id", path[0], string(u.ID))
}

func (id UserID) input(body transport.Body) transport.Input {
	return transport.Input{Path: transport.Path{string(id)}, Body: body, Check: func(c *transport.Check) {
		if id != "" && id != "." && id != ".." { // which the road refuses in any path
			id.check(c, "user_id")
		}
	}}
}

var getUser = &transport.OldOperation{
	Name:   "iproov.Users.Get",
	Method: http.MethodGet, Path: "/users/{user_id}",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// Get reads a user. Needs scope user-read. Safe to repeat. What is left to read of a deleted user is not documented.
//
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s *Users) Get(ctx context.Context, id UserID, opts ...identkit.CallOption) (*User, error) {
	return transport.Do(ctx, s.road, getUser, id.input(transport.Body{}), (*userAnswer).finish, opts)
}

// UpdateUserParams changes a user; at least one member is needed.
type UpdateUserParams struct {
	// UserID is the new id.
	UserID UserID `json:"user_id,omitempty"`
	// Name is the name to show. Its limits are not documented.
	Name string `json:"name,omitempty"`
}

var updateUser = &transport.OldOperation{
	Name:   "iproov.Users.Update",
	Method: http.MethodPut, Path: "/users/{user_id}",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// renameUser is updateUser with a new id.
var renameUser = &transport.OldOperation{
	Name:   updateUser.Name,
	Method: updateUser.Method, Path: updateUser.Path,
	Retry:     transport.RetryIfNotProcessed, // once done, the path is gone
	Unmetered: true,
}

// Update changes a user's id, name or both. Needs scope user-write.
//
// A new name is safe to repeat. A new id is not: once it counts, the old one is unknown. It is sent again only when it surely did
// not arrive; after [identkit.ErrOutcomeUnknown], Get tells by the new id.
//
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s *Users) Update(ctx context.Context, id UserID, in UpdateUserParams, opts ...identkit.CallOption) (*User, error) {
	op, input := updateUser, id.input(transport.JSON(in))
	pathCheck := input.Check
	input.Check = func(c *transport.Check) {
		pathCheck(c)
		c.That(in != UpdateUserParams{}, "user_id", "is empty, and so is name")
		if in.UserID != "" {
			in.UserID.check(c, "user_id")
		}
		c.Optional("name", in.Name, 0)
	}
	if in.UserID == "" || in.UserID == id {
		return transport.Do(ctx, s.road, op, input, (*userAnswer).finish, opts)
	}
	return transport.Do(ctx, s.road, renameUser, input, func(w *userAnswer, path transport.Path) (*User, error) {
		u, err := w.user()
		if err != nil || u.ID == in.UserID {
			return u, err
		}
		return u, transport.Same("user_id", path[0], string(u.ID)) // which of the two is answered is not documented
	}, opts)
}

var deleteUser = &transport.OldOperation{
	Name:   "iproov.Users.Delete",
	Method: http.MethodDelete, Path: "/users/{user_id}",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// Delete deletes a user, who can then not be verified; iProov can no longer investigate fraud about them either. Their id is
// assumed to be free for enrolment at once. Needs scope user-write.
//
// Safe to repeat, but a second delete is assumed to be [identkit.ErrNotFound], also when the answer to the first got lost on the
// way; [Users.DeleteIfExists] takes that for done.
//
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s *Users) Delete(ctx context.Context, id UserID, opts ...identkit.CallOption) (*User, error) {
	return transport.Do(ctx, s.road, deleteUser, id.input(transport.Body{}), (*userAnswer).finish, opts)
}

// DeleteIfExists is [Users.Delete] for callers who only want the user gone: a user who is not there is no error.
func (s *Users) DeleteIfExists(ctx context.Context, id UserID, opts ...identkit.CallOption) error {
	_, err := s.Delete(ctx, id, opts...)
	if code := codeOf(err); code == CodeInvalidUserID || code == CodeNoUser { // another 404 is a wrong address, not a missing user
		return nil
	}
	return err
}

var activateUser = &transport.OldOperation{
	Name:   "iproov.Users.Activate",
	Method: http.MethodPost, Path: "/users/{user_id}/activate",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// Activate makes a user active from a time on; the zero time means now. Needs scope user-write-status. Safe to repeat.
//
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s *Users) Activate(ctx context.Context, id UserID, from time.Time, opts ...identkit.CallOption) (*User, error) {
	return transport.Do(ctx, s.road, activateUser, id.input(dated(from)), (*userAnswer).finish, opts)
}

var suspendUser = &transport.OldOperation{
	Name:   "iproov.Users.Suspend",
	Method: http.MethodPost, Path: "/users/{user_id}/suspend",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// Suspend suspends a user from a time on; the zero time means now. A suspended user gets no verification token. Needs scope
// user-write-status. Safe to repeat.
//
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s *Users) Suspend(ctx context.Context, id UserID, from time.Time, opts ...identkit.CallOption) (*User, error) {
	return transport.Do(ctx, s.road, suspendUser, id.input(dated(from)), (*userAnswer).finish, opts)
}

// dated is the body of a change of status, which is required even when it says nothing.
func dated(from time.Time) transport.Body {
	var body struct {
		From string `json:"date_time,omitempty"`
	}
	if !from.IsZero() {
		body.From = from.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return transport.JSON(body)
}

// codeOf is the provider's code in an error, or "".
func codeOf(err error) string {
	var e *identkit.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
