/**
 * What piscina `require`s on a thread of ours, and the only thing that is: imports an ES module, named by its URL, and
 * gives its default export the task. threads.ts says why.
 */
module.exports = async (order: { readonly module: string; readonly task: unknown }) => {
  const { default: work } = (await import(order.module)) as { default: (task: unknown) => unknown };
  return work(order.task);
};
