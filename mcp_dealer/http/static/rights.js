// What whoever looks may do, as the status says.

const ROLES = ['read', 'write', 'admin'];
let role = 'read';

// Learn it from a status: a key's grant, or none for the owner of the machine.
export function learn(status) {
  role = status.grant?.role ?? 'admin';
  document.documentElement.dataset.role = role;
}

// Return whether a role is had: read, write or admin.
export const may = (wanted) => ROLES.indexOf(role) >= ROLES.indexOf(wanted);
