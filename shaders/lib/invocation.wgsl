// Where a thread is in its dispatch, as one parameter of an entry point.

override WG: u32 = 64; // threads of a workgroup

struct Invocation {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
}

// The part of it that all threads of a workgroup share. Code with barriers takes this one and `lane` beside it: a
// compiler takes a struct to be uniform only if all of its members are.
struct Workgroup {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
}

// Number of a workgroup; the host folds more than 65,535 of them into x and y (foldWorkgroups in kernel.ts).
fn groupIndex(workgroup: Workgroup) -> u32 {
  return workgroup.group.y * workgroup.groups.x + workgroup.group.x;
}

// Number of a thread.
fn flatIndex(thread: Invocation) -> u32 {
  return groupIndex(Workgroup(thread.group, thread.groups)) * WG + thread.lane;
}
