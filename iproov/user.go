package iproov

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Users manages enrolled users: client.Users. Its calls need Config.OAuth. A user who is not there is [identkit.ErrNotFound], by
// whichever of invalid_user_id and no_user iProov says it.
type Users struct{ client *transport.Client }

// User is an enrolled user.
type User struct {
	identkit.Raw `json:"-"`

	ID     UserID     `json:"user_id"`
	Name   string     `json:"name"`
	Status UserStatus `json:"status"`
	// Activated and Suspended are from when the status counts; zero when the response does not say.
	Activated time.Time `json:"activation_date"`
	Suspended time.Time `json:"suspension_date"`
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

func (u *User) check() error {
	switch {
	case u.ID == "":
		return transport.Missing("user_id")
	case u.Status == "":
		return transport.Missing("status")
	}
	return nil
}

func (id *UserID) request(r *transport.Request) {
	if *id != "" && *id != "." && *id != ".." { // which are refused in any path
		id.check(&r.Check, "user_id")
	}
	r.Path("user_id", string(*id))
}

func (id *UserID) same(u *User) error { return transport.Same("user_id", *id, u.ID) }

// userOp is an operation on one user, which responds with the user. All are safe to repeat, but for an update with a new id.
func userOp[In any](name, method, path string, request func(*In, *transport.Request), same func(*In, *User) error) transport.Op[In, User] {
	return transport.Op[In, User]{
		Name: name, Method: method, Path: path,
		Retry:     identkit.RetrySafe,
		Unmetered: true,
		Request:   request,
		Check:     (*User).check,
		Same:      same,
	}
}

var getUser = userOp("iproov.Users.Get", http.MethodGet, "/users/{user_id}", (*UserID).request, (*UserID).same)

// Get reads a user. Needs scope user-read. Safe to repeat. What is left to read of a deleted user is not documented.
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s Users) Get(ctx context.Context, id UserID, opts ...identkit.CallOption) (*User, error) {
	return getUser.Do(ctx, s.client, id, opts)
}

// UpdateUserParams changes a user; at least one member is needed.
type UpdateUserParams struct {
	UserID UserID `json:"user_id,omitzero"` // the new id
	Name   string `json:"name,omitzero"`    // the name to show; its limits are undocumented
}

type updateUserInput struct {
	id UserID
	UpdateUserParams
}

func (in *updateUserInput) request(r *transport.Request) {
	in.id.request(r)
	r.That(in.UpdateUserParams != UpdateUserParams{}, "user_id", "is empty, and so is name")
	if in.UserID != "" {
		in.UserID.check(&r.Check, "user_id")
	}
	r.Optional("name", in.Name, 0)
	r.IfNotProcessed = in.UserID != "" && in.UserID != in.id // once done, the path is gone
	r.JSON(in.UpdateUserParams)
}

// same takes either id of a user who gets a new one: which of the two the response has is not documented.
func (in *updateUserInput) same(u *User) error {
	if in.UserID != "" && u.ID == in.UserID {
		return nil
	}
	return in.id.same(u)
}

var updateUser = userOp("iproov.Users.Update", http.MethodPut, "/users/{user_id}", (*updateUserInput).request, (*updateUserInput).same)

// Update changes a user's id, name or both. Needs scope user-write.
//
// A new name is safe to repeat. A new id is not: once it counts, the old one is unknown. It is sent again only when it surely did
// not arrive; after [identkit.ErrOutcomeUnknown], read the user by the new id.
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s Users) Update(ctx context.Context, id UserID, in UpdateUserParams, opts ...identkit.CallOption) (*User, error) {
	return updateUser.Do(ctx, s.client, updateUserInput{id, in}, opts)
}

var deleteUser = userOp("iproov.Users.Delete", http.MethodDelete, "/users/{user_id}", (*UserID).request, (*UserID).same)

// Delete deletes a user, who can then not be verified; iProov can no longer investigate fraud about them either. Their id is
// assumed to be free for enrolment at once. Needs scope user-write.
//
// Safe to repeat, but a second delete is assumed to be [identkit.ErrNotFound], also when the response to the first was lost;
// [Users.DeleteIfExists] takes that for done.
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s Users) Delete(ctx context.Context, id UserID, opts ...identkit.CallOption) (*User, error) {
	return deleteUser.Do(ctx, s.client, id, opts)
}

// DeleteIfExists is [Users.Delete] for callers who only want the user gone: a user who is not there is no error.
func (s Users) DeleteIfExists(ctx context.Context, id UserID, opts ...identkit.CallOption) error {
	_, err := s.Delete(ctx, id, opts...)
	if code := codeOf(err); code == CodeInvalidUserID || code == CodeNoUser { // another 404 is a wrong address, not a missing user
		return nil
	}
	return err
}

// changeStatusInput is the input of both changes of status. The body is required even when it says nothing.
type changeStatusInput struct {
	UserID `json:"-"`
	From   time.Time `json:"date_time,omitzero"`
}

func (in *changeStatusInput) request(r *transport.Request) {
	in.UserID.request(r)
	r.JSON(in)
}

var activateUser = userOp("iproov.Users.Activate", http.MethodPost, "/users/{user_id}/activate", (*changeStatusInput).request, (*changeStatusInput).same)

// Activate makes a user active from a time on; the zero time means now. Needs scope user-write-status. Safe to repeat.
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s Users) Activate(ctx context.Context, id UserID, from time.Time, opts ...identkit.CallOption) (*User, error) {
	return activateUser.Do(ctx, s.client, changeStatusInput{id, from}, opts)
}

var suspendUser = userOp("iproov.Users.Suspend", http.MethodPost, "/users/{user_id}/suspend", (*changeStatusInput).request, (*changeStatusInput).same)

// Suspend suspends a user from a time on; the zero time means now. A suspended user gets no verification token. Needs scope
// user-write-status. Safe to repeat.
// Source: Swagger file 2.13, api-management page; checked 2026-11.
func (s Users) Suspend(ctx context.Context, id UserID, from time.Time, opts ...identkit.CallOption) (*User, error) {
	return suspendUser.Do(ctx, s.client, changeStatusInput{id, from}, opts)
}
