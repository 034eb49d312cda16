// Plans, checked before they are sent: apart from the page's part, which not every page needs.
export * from "@phaseskip/runtime/plans";
